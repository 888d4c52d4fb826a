//! The order in which the program and its pages are built.
//! Decides what builds on what; how each is built stands in its own file.

use std::process::ExitCode;

use crate::cargo;
use crate::node;
use crate::pages;
use crate::process;
use crate::stage::{Outcome, StageError, Stages, Success};
use crate::wasm;
use crate::workspace::Workspace;

type Work = fn(&Workspace) -> Result<Success, StageError>;

/// All that `serve` needs. The pages hold the wasm module and are built with npm's packages.
const STAGES: [(&str, Work); 4] = [
    ("wasm module", |workspace| Ok(wasm::build(workspace)?)),
    ("npm packages", |workspace| {
        Ok(node::install_packages(workspace)?)
    }),
    ("pages", |workspace| Ok(pages::build(workspace)?)),
    ("server", build_server),
];

/// `cargo xtask build`.
#[must_use]
pub fn build_all(workspace: &Workspace) -> ExitCode {
    if build_stages(workspace) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs all stages up to the first that fails; whether all passed.
#[must_use]
pub fn build_stages(workspace: &Workspace) -> bool {
    let mut stages = Stages::new(STAGES.len());
    STAGES
        .iter()
        .all(|(name, work)| stages.run(name, || work(workspace)) == Outcome::Passed)
}

/// Builds the server's program. Cargo itself sees what has changed.
///
/// Names no package: with the whole workspace in view, dependencies get the same features as in
/// `cargo test`, and both use the same compiled ones.
///
/// # Errors
/// When it does not compile.
pub fn build_server(workspace: &Workspace) -> Result<Success, StageError> {
    let mut command = cargo::active(workspace);
    command.args(["build", "--release", "--bin", "tabsweep"]);
    process::run(&mut command)?;
    Ok(Success::Done)
}
