//! `cargo xtask bench`: what is measured, with what, and where the figures go.
//! Decides what may be asked for; each benchmark stands in its own file.

mod candidate;
mod case;
mod figures;
mod machine;
pub mod python;
mod report;
mod request;
mod runner;
mod setup;
mod table;
mod train;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::bench::runner::RunnerError;
use crate::bench::train::TrainOptions;
use crate::workspace::Workspace;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchTask {
    /// Images per second of training and classification on one core
    Train(TrainOptions),
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Something that is measured with could not be built. What, has been said.
    #[error("what is measured with could not be built")]
    NotSetUp,
    /// A runner failed.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// There is no such folder.
    #[error("{} can't be used as MNIST's folder: {source}", folder.display())]
    Mnist {
        /// The folder asked for.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The figures could not be written.
    #[error("{} can't be written: {source}", path.display())]
    Written {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Measures what was asked for.
#[must_use]
pub fn bench(workspace: &Workspace, task: &BenchTask) -> ExitCode {
    let done = match task {
        BenchTask::Train(options) => train::measure(workspace, options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
