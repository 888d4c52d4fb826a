//! Python with the tools that exports are written for, in an environment of its own. Knows which tools
//! and how they are installed, not what they are asked.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, ProcessError};
use crate::workspace::Workspace;

/// What exports are read with.
const PACKAGES: [&str; 6] = [
    "onnx~=1.23.0",
    "onnxruntime~=1.32.0",
    "optuna~=5.0.0",
    "optuna-dashboard~=0.21.0",
    "pandas~=3.1.0",
    "safetensors~=0.8.0",
];

/// Why there are no such tools.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// There is no Python.
    #[error("Python is not installed (on Debian: sudo apt-get install python3 python3-venv)")]
    Missing,
    /// There is one that can't make environments.
    #[error(
        "Python can't make a virtual environment: {source} \
         (on Debian: sudo apt-get install python3-venv)"
    )]
    NoEnvironment {
        /// How it failed.
        source: ProcessError,
    },
    /// pip failed, most likely because it does not reach PyPI.
    #[error("PyPI can't be reached, or lacks a package for this Python: {source}")]
    NotInstalled {
        /// How it failed.
        source: ProcessError,
    },
    /// What was installed can't be noted.
    #[error("{}: {source}", file.display())]
    Note {
        /// The file that says so.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Python's program in an environment with the tools, which are installed unless they are there.
///
/// # Errors
/// There is no Python, or pip fails.
pub fn python(workspace: &Workspace) -> Result<PathBuf, ForeignError> {
    let environment = workspace.foreign_tools();
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let program = format!("python{}", std::env::consts::EXE_SUFFIX);
    let python = environment.join(folder).join(program);
    let note = environment.join("packages.txt");
    let packages = PACKAGES.join("\n");
    if python.exists() && fs::read_to_string(&note).is_ok_and(|noted| noted == packages) {
        return Ok(python);
    }
    let system = which::which("python3").map_err(|_| ForeignError::Missing)?;
    process::run(Command::new(system).args(["-m", "venv"]).arg(&environment))
        .map_err(|source| ForeignError::NoEnvironment { source })?;
    eprintln!("  pip downloads {}", PACKAGES.join(", "));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    pip.args(["--quiet", "--retries", "1", "--timeout", "20"]);
    process::run(pip.args(PACKAGES)).map_err(|source| ForeignError::NotInstalled { source })?;
    fs::write(&note, packages).map_err(|source| ForeignError::Note { file: note, source })?;
    Ok(python)
}
