//! `cargo xtask bench`: what is measured, with what, and where the figures go.
//! Decides what may be asked for; each benchmark stands in its own file.

mod accuracy;
mod candidate;
mod case;
mod curves;
mod figures;
mod files;
mod importance;
mod label;
mod load;
mod machine;
mod pruners;
pub mod python;
mod recipe;
mod recorded;
mod report;
mod request;
mod runner;
mod samplers;
mod setup;
mod simulation;
mod sweep;
mod table;
mod train;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::bench::accuracy::AccuracyOptions;
use crate::bench::candidate::Candidate;
use crate::bench::curves::CurveOptions;
use crate::bench::importance::ImportanceOptions;
use crate::bench::label::LabelOptions;
use crate::bench::load::{LoadError, LoadOptions};
use crate::bench::pruners::PrunerOptions;
use crate::bench::recipe::RecipeError;
use crate::bench::recorded::RecordedError;
use crate::bench::runner::RunnerError;
use crate::bench::samplers::{SamplerError, SamplerOptions};
use crate::bench::sweep::SweepOptions;
use crate::bench::train::TrainOptions;
use crate::process::ProcessError;
use crate::workspace::Workspace;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchTask {
    /// Images per second of training and classification on one core
    Train(TrainOptions),
    /// Images per second of finished models: LeNet on digits, MobileNet on photos
    Label(LabelOptions),
    /// Accuracy on MNIST, and the seconds of training it takes
    Accuracy(AccuracyOptions),
    /// Sockets, trials per second and utilisation under simulated volunteers
    Load(LoadOptions),
    /// The shipped study on MNIST, trained by tabs of a browser
    Sweep(SweepOptions),
    /// Records learning curves on MNIST, for samplers and pruners to be measured on
    Curves(CurveOptions),
    /// How close samplers come to the best, beside Optuna's
    Samplers(SamplerOptions),
    /// How much training pruners save, on recorded learning curves
    Pruners(PrunerOptions),
    /// Which hyper-parameters decide, on recorded learning curves, and the time it takes to tell
    Importance(ImportanceOptions),
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A load could not be measured.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Optuna could not be measured beside.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// Something that is measured with could not be built. What, has been said.
    #[error("what is measured with could not be built")]
    NotSetUp,
    /// A runner failed.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The recipes can't be read, or have no such name.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The recorded curves can't be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// Accuracy is compared on MNIST alone.
    #[error("this is measured on MNIST: name the folder of its four files with --mnist DIR")]
    NoMnist,
    /// A peer was asked for what only the product does.
    #[error("{candidate} does not train recipes; chromium, node and native do")]
    NotTrained {
        /// The peer.
        candidate: Candidate,
    },
    /// There is no such folder.
    #[error("{} can't be used as a folder of data: {source}", folder.display())]
    Mnist {
        /// The folder asked for.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such study file, or it is no TOML.
    #[error("{}: {reason}", path.display())]
    Study {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
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
        BenchTask::Label(options) => label::measure(workspace, options),
        BenchTask::Accuracy(options) => accuracy::measure(workspace, options),
        BenchTask::Load(options) => load::measure(workspace, options),
        BenchTask::Sweep(options) => sweep::measure(workspace, options),
        BenchTask::Curves(options) => curves::record(workspace, options),
        BenchTask::Samplers(options) => samplers::measure(workspace, options),
        BenchTask::Pruners(options) => pruners::measure(workspace, options),
        BenchTask::Importance(options) => importance::measure(workspace, options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
