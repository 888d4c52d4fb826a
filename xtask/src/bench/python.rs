//! PyTorch and Optuna, each in an environment of its own: how they are installed and how what runs
//! them is started. Does not know what they are asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, ProcessError};
use crate::stage::Success;
use crate::workspace::Workspace;

/// Packages for a purpose; the figures name their versions.
struct Environment {
    /// Its folder, beside the results.
    folder: &'static str,
    /// What fails unless they are installed.
    check: &'static str,
    packages: &'static [&'static str],
    /// What is about to be downloaded.
    download: &'static str,
}

const PYTORCH: Environment = Environment {
    folder: "venv",
    check: "import numpy, torch; assert torch.__version__.startswith('2.15.')",
    packages: &["torch~=2.15.0", "numpy"],
    download: "PyTorch: a few GB",
};

const OPTUNA: Environment = Environment {
    folder: "venv-optuna",
    check: "import numpy, scipy, optuna; assert optuna.__version__.startswith('5.')",
    packages: &["optuna~=5.0", "numpy", "scipy"],
    download: "Optuna: some 100 MB",
};

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
    #[error("Python packages can't be installed: {source}")]
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
    PYTORCH.install(workspace)
}

/// What Optuna's samplers reach, as a program that says it in JSON; Optuna is installed first, unless
/// it has been.
///
/// # Errors
/// There is no Python, or pip fails.
pub fn optuna_samplers(workspace: &Workspace) -> Result<Command, PythonError> {
    OPTUNA.install(workspace)?;
    let mut command = Command::new(OPTUNA.program(workspace));
    command.arg(workspace.bench().join("peers").join("optuna_samplers.py"));
    command.arg("--tables").arg(workspace.bench_tables());
    Ok(command)
}

/// PyTorch's runner, `best` configured or `as_written`.
#[must_use]
pub fn runner(workspace: &Workspace, data: &Path, configuration: &str) -> Command {
    let mut command = Command::new(PYTORCH.program(workspace));
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

impl Environment {
    fn install(&self, workspace: &Workspace) -> Result<Success, PythonError> {
        let python = self.program(workspace);
        if process::succeeds(Command::new(&python).args(["-c", self.check])) {
            return Ok(Success::Unchanged);
        }
        let system = which::which("python3").map_err(|_| PythonError::Missing)?;
        let mut venv = Command::new(system);
        venv.args(["-m", "venv"]).arg(self.path(workspace));
        process::run(&mut venv).map_err(|source| PythonError::NoEnvironment { source })?;
        eprintln!("  pip downloads {}", self.download);
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
        pip.args(self.packages);
        process::run(&mut pip).map_err(|source| PythonError::NotInstalled { source })?;
        Ok(Success::Done)
    }

    fn path(&self, workspace: &Workspace) -> PathBuf {
        workspace.bench_results().join(self.folder)
    }

    fn program(&self, workspace: &Workspace) -> PathBuf {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        let name = format!("python{}", std::env::consts::EXE_SUFFIX);
        self.path(workspace).join(folder).join(name)
    }
}
