//! `tabsweep-bench`: the data that all benchmarks share, and what they run natively.
//! Knows neither who else is measured nor what becomes of the figures.

mod conversation;
mod data;
mod grid;
mod memory;
mod photos;
mod product;
mod record;
mod session;
mod speed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "tabsweep-bench")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Writes the images that everybody is measured with
    Data {
        /// Folder for them
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Folder with MNIST's four files, packed or not; without it, synthetic digits are drawn
        #[arg(long, value_name = "DIR")]
        mnist: Option<PathBuf>,
        /// Folder with a MobileNet's weights, its labels and photos; without it, there are none
        #[arg(long, value_name = "DIR")]
        imagenet: Option<PathBuf>,
    },
    /// Answers the requests on standard input, one line of JSON for each
    Run {
        /// Folder that `data` has written
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Records the learning curves of every setting of a grid
    Record(record::Record),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Data {
            out,
            mnist,
            imagenet,
        } => write(&out, mnist.as_deref(), imagenet.as_deref()),
        Task::Run { data } => conversation::answer_all(&data).map_err(Failure::from),
        Task::Record(options) => record::record(&options).map_err(Failure::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn write(out: &Path, mnist: Option<&Path>, imagenet: Option<&Path>) -> Result<(), Failure> {
    data::write(out, mnist)?;
    if let Some(imagenet) = imagenet {
        photos::write(out, imagenet)?;
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Failure {
    Data(#[from] data::DataError),
    Photos(#[from] photos::PhotoError),
    Conversation(#[from] conversation::ConversationError),
    Record(#[from] record::RecordError),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
