//! Builds the trainer as a program of its own, optimised and not: the tests of the numeric contract
//! hold them against each other. Does not know what they compute.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::cargo;
use crate::process::{self, ProcessError};
use crate::stage::Success;
use crate::workspace::Workspace;

/// The program, an example of the trainer's package.
const EXAMPLE: &str = "numerics";

/// The release profile with the trainer itself left as it is written. What it stands on stays
/// optimised: the numbers are the trainer's own, and nothing has to be built a second time.
const UNOPTIMISED: &str = "profile.release.package.tabsweep-trainer.opt-level=0";

/// Why there are no trainers.
#[derive(Debug, thiserror::Error)]
pub enum TrainersError {
    /// One of them does not compile.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The unoptimised one can't be put aside.
    #[error("{} can't be written: {source}", path.display())]
    Copy {
        /// Where it should have gone.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Builds both. Cargo itself sees what has changed.
///
/// # Errors
/// When one does not compile.
pub fn build(workspace: &Workspace) -> Result<Success, TrainersError> {
    compile(workspace, &["--config", UNOPTIMISED])?;
    let path = workspace.unoptimised_trainer();
    let copied = fs::create_dir_all(path.parent().unwrap_or(&path))
        .and_then(|()| fs::copy(workspace.example(EXAMPLE), &path));
    copied.map_err(|source| TrainersError::Copy { path, source })?;
    // Last, so that its file is the one that stays under the name both have.
    compile(workspace, &[])?;
    Ok(Success::Done)
}

/// Path of the optimised one.
#[must_use]
pub fn optimised(workspace: &Workspace) -> PathBuf {
    workspace.example(EXAMPLE)
}

fn compile(workspace: &Workspace, arguments: &[&str]) -> Result<(), ProcessError> {
    let mut command = cargo::active(workspace);
    // Names no package, so that dependencies have the features that they have in `cargo test`.
    command.args(["build", "--release", "--example", EXAMPLE]);
    process::run(command.args(arguments))
}
