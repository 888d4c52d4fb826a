//! Builds what is measured and what it is measured with, and starts runners.
//! Decides with which flags and variables each runs: all of them on one thread.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::BenchError;
use crate::bench::candidate::Candidate;
use crate::bench::python;
use crate::bench::runner::{Runner, RunnerError};
use crate::cargo;
use crate::chromium;
use crate::node;
use crate::process;
use crate::stage::{Outcome, StageError, Stages, Success};
use crate::wasm::{self, Module};
use crate::workspace::Workspace;

/// The package of the native runner and of the benchmarks' module.
const PACKAGE: &str = "tabsweep-bench";

/// What is to be set up.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Who will be started.
    pub candidates: &'a [Candidate],
    /// Folder of MNIST; without one, digits are drawn.
    pub mnist: Option<&'a Path>,
    /// Folder of photos and their network, where they are labelled.
    pub imagenet: Option<&'a Path>,
}

/// Everything that runners need, in place.
#[derive(Debug)]
pub struct Setup<'a> {
    workspace: &'a Workspace,
    /// Path of the browser, where one is needed.
    chromium: PathBuf,
}

type Stage = (
    &'static str,
    fn(&mut Setup, &Wanted) -> Result<Success, StageError>,
);

const SCRIPT_STAGES: [Stage; 4] = [
    ("wasm module", |setup, _| Ok(wasm::build(setup.workspace)?)),
    ("wasm module of the benchmarks", |setup, _| {
        let module = setup.module();
        Ok(wasm::build_module(setup.workspace, &module)?)
    }),
    ("npm packages", |setup, _| {
        Ok(node::install_packages(setup.workspace)?)
    }),
    ("runners", |setup, _| {
        node::run_script(setup.workspace, "bench", "build", &[])?;
        Ok(Success::Done)
    }),
];

const CHROMIUM_STAGE: Stage = ("Chromium", |setup, _| {
    setup.chromium = chromium::found_or_installed()?;
    Ok(Success::Done)
});

const PYTORCH_STAGE: Stage = ("PyTorch", |setup, _| {
    Ok(python::install_packages(setup.workspace)?)
});

/// The native runner writes the data for all.
const NATIVE_STAGES: [Stage; 2] = [
    ("native runner", |setup, _| {
        let mut command = cargo::active(setup.workspace);
        // Names no package, for the reason that the server's build gives.
        process::run(command.args(["build", "--release", "--bin", PACKAGE]))?;
        Ok(Success::Done)
    }),
    ("data", |setup, wanted| setup.write_data(wanted)),
];

impl Wanted<'_> {
    fn stages(&self) -> Vec<Stage> {
        let has_scripts = self
            .candidates
            .iter()
            .any(|candidate| candidate.is_script());
        let mut stages = NATIVE_STAGES.to_vec();
        if has_scripts {
            stages.extend(SCRIPT_STAGES);
        }
        if self
            .candidates
            .iter()
            .any(|candidate| candidate.is_in_browser())
        {
            stages.push(CHROMIUM_STAGE);
        }
        if self
            .candidates
            .iter()
            .any(|candidate| candidate.is_pytorch())
        {
            stages.push(PYTORCH_STAGE);
        }
        stages
    }
}

impl<'a> Setup<'a> {
    /// Builds what is wanted and has changed, and writes the data.
    ///
    /// # Errors
    /// A stage failed; it has said why.
    pub fn made(workspace: &'a Workspace, wanted: &Wanted) -> Result<Self, BenchError> {
        let mut setup = Self {
            workspace,
            chromium: PathBuf::new(),
        };
        let plan = wanted.stages();
        let mut stages = Stages::new(plan.len());
        for (name, work) in plan {
            if stages.run(name, || work(&mut setup, wanted)) == Outcome::Failed {
                return Err(BenchError::NotSetUp);
            }
        }
        Ok(setup)
    }

    /// Starts the candidate's runner.
    ///
    /// # Errors
    /// It does not start.
    pub fn runner(&self, candidate: Candidate) -> Result<Runner, RunnerError> {
        let mut command = match candidate {
            Candidate::Chromium => self.browser("product"),
            Candidate::Node => self.script("node"),
            Candidate::Native => self.native(),
            Candidate::PytorchBest => python::runner(self.workspace, &self.data(), "best"),
            Candidate::PytorchAsWritten => {
                python::runner(self.workspace, &self.data(), "as_written")
            }
            Candidate::Candle => self.browser("candle"),
            Candidate::Tfjs => self.browser("tfjs"),
            Candidate::Ort => self.browser("ort"),
        };
        // Candle and PyTorch would otherwise take all cores for large tensors.
        command.envs([("RAYON_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1")]);
        Runner::start(&candidate.to_string(), &mut command)
    }

    fn native(&self) -> Command {
        let mut command = Command::new(self.workspace.native_bench());
        command.args(["run", "--data"]).arg(self.data());
        command
    }

    /// A runner in JavaScript; each takes the options that it knows.
    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(
            self.workspace
                .bench()
                .join("dist")
                .join(format!("{name}.js")),
        );
        let folders = [
            ("--data", self.data()),
            ("--product", self.workspace.wasm_bindings()),
            ("--module", self.module().folder),
            ("--chromium", self.chromium.clone()),
        ];
        for (option, path) in folders {
            command.arg(option).arg(path);
        }
        command
    }

    /// A browser of its own, in which `subject` is measured.
    fn browser(&self, subject: &str) -> Command {
        let mut command = self.script("chromium");
        command.args(["--subject", subject]);
        command
    }

    fn write_data(&self, wanted: &Wanted) -> Result<Success, StageError> {
        let mut command = Command::new(self.workspace.native_bench());
        command.args(["data", "--out"]).arg(self.data());
        if let Some(mnist) = wanted.mnist {
            command.arg("--mnist").arg(mnist);
        }
        if let Some(imagenet) = wanted.imagenet {
            command.arg("--imagenet").arg(imagenet);
        }
        process::run(&mut command)?;
        Ok(Success::Done)
    }

    /// Beside the runners' sources, whose package says that scripts are modules.
    fn dist(&self) -> PathBuf {
        self.workspace.bench().join("dist")
    }

    fn data(&self) -> PathBuf {
        self.workspace.bench_results().join("data")
    }

    fn module(&self) -> Module {
        Module {
            package: PACKAGE,
            bindings: "bench",
            folder: self.dist().join("wasm"),
            stamp: "wasm-module-of-benchmarks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(candidates: &[Candidate]) -> Vec<&'static str> {
        let wanted = Wanted {
            candidates,
            mnist: None,
            imagenet: None,
        };
        wanted.stages().iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn only_what_is_measured_is_built() {
        assert_eq!(names(&[Candidate::Native]), ["native runner", "data"]);
        assert!(!names(&[Candidate::Node]).contains(&"Chromium"));
        assert!(names(&[Candidate::Chromium]).contains(&"wasm module"));
    }
}
