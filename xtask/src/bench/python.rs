//! PyTorch in an environment of its own: how it is installed and how its runner is started.
//! Does not know what it is asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, ProcessError};
use crate::stage::Success;
use crate::workspace::Workspace;

/// What is installed; the figures name the version.
const PACKAGES: [&str; 2] = ["torch~=2.15.0", "numpy"];

/// How glibc is told to keep the memory of freed tensors: returning it costs PyTorch much of its time.
const KEEP_MEMORY: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "2000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "4000000000"),
    ("MALLOC_TOP_PAD_", "268435456"),
];

/// Why there is no PyTorch.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
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
    /// pip failed.
    #[error("PyTorch can't be installed: {source}")]
    NotInstalled {
        /// How it failed.
        source: ProcessError,
    },
}

/// Makes the environment and installs PyTorch there, unless both have been done.
///
/// # Errors
/// There is no Python, or pip fails.
pub fn install_packages(workspace: &Workspace) -> Result<Success, PythonError> {
    let python = program(workspace);
    let check = "import numpy, torch; assert torch.__version__.startswith('2.15.')";
    if process::succeeds(Command::new(&python).args(["-c", check])) {
        return Ok(Success::Unchanged);
    }
    let system = which::which("python3").map_err(|_| PythonError::Missing)?;
    process::run(
        Command::new(system)
            .args(["-m", "venv"])
            .arg(environment(workspace)),
    )
    .map_err(|source| PythonError::NoEnvironment { source })?;
    eprintln!("  pip downloads PyTorch: a few GB");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    process::run(pip.args(PACKAGES)).map_err(|source| PythonError::NotInstalled { source })?;
    Ok(Success::Done)
}

/// PyTorch's runner, `best` configured or `as_written`.
#[must_use]
pub fn runner(workspace: &Workspace, data: &Path, configuration: &str) -> Command {
    let mut command = Command::new(program(workspace));
    command.arg(workspace.bench().join("peers").join("pytorch.py"));
    command.arg("--data").arg(data);
    command.args(["--configuration", configuration]);
    // What PyTorch compiles stays under the target folder, and is compiled on one core.
    command.env(
        "TORCHINDUCTOR_CACHE_DIR",
        workspace.bench_results().join("inductor"),
    );
    command.env("TORCHINDUCTOR_COMPILE_THREADS", "1");
    if configuration == "best" {
        command.envs(KEEP_MEMORY);
    }
    command
}

fn environment(workspace: &Workspace) -> PathBuf {
    workspace.bench_results().join("venv")
}

fn program(workspace: &Workspace) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let name = format!("python{}", std::env::consts::EXE_SUFFIX);
    environment(workspace).join(folder).join(name)
}
