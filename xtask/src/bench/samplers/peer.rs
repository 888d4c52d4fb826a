//! Optuna's answers, and whether it was asked the same: its functions must have the same values.

use std::collections::BTreeMap;
use std::process::Command;

use serde::{Deserialize, Serialize};
use tabsweep_protocol::Parameters;

use super::{Outcome, SamplerOptions, function::Function};
use crate::bench::python::{self, PythonError};
use crate::process::{self, ProcessError};
use crate::workspace::Workspace;

/// Why there is nothing to compare with.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// Optuna can't be installed.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// Optuna failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It said something else.
    #[error("Optuna's answer can't be read: {source}")]
    Answer {
        /// Where.
        source: serde_json::Error,
    },
    /// The two sides do not compute the same.
    #[error("`{function}` at {setting:?} is {theirs} on Optuna's side, {ours} on ours")]
    OtherFunction {
        /// Which function.
        function: &'static str,
        /// Where.
        setting: Parameters,
        /// Optuna's value.
        theirs: f64,
        /// Ours.
        ours: f64,
    },
}

/// What Optuna came to.
#[derive(Debug, Deserialize, Serialize)]
pub struct Optuna {
    version: String,
    /// As ours.
    pub(super) searches: Vec<Outcome>,
    #[serde(skip_serializing)]
    probes: BTreeMap<String, Vec<Probe>>,
    /// By sampler.
    pub(super) suggestion_secs: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    setting: Parameters,
    loss: f64,
}

impl Optuna {
    /// Searches the same functions.
    ///
    /// # Errors
    /// It can't be had, it fails, or its functions are others.
    pub fn measured(
        workspace: &Workspace,
        options: &SamplerOptions,
        functions: &[Function<'_>],
    ) -> Result<Self, SamplerError> {
        let mut command = python::optuna_samplers(workspace)?;
        asked(&mut command, options);
        println!("Optuna searches; that takes minutes");
        let answer = process::output(&mut command)?;
        let optuna: Self =
            serde_json::from_str(&answer).map_err(|source| SamplerError::Answer { source })?;
        for function in functions {
            optuna.check(function)?;
        }
        Ok(optuna)
    }

    fn check(&self, function: &Function<'_>) -> Result<(), SamplerError> {
        for Probe { setting, loss } in self.probes.get(function.name).into_iter().flatten() {
            let (theirs, ours) = (*loss, function.loss(setting));
            if (theirs - ours).abs() > 1e-9 * theirs.abs().max(1.0) {
                return Err(SamplerError::OtherFunction {
                    function: function.name,
                    setting: setting.clone(),
                    theirs,
                    ours,
                });
            }
        }
        Ok(())
    }

    /// Names of its samplers.
    pub(super) fn samplers(&self) -> impl Iterator<Item = &String> {
        self.suggestion_secs.keys()
    }
}

fn asked(command: &mut Command, options: &SamplerOptions) {
    command.args(["--seeds", &options.seeds.to_string()]);
    command.args(["--first-seed", &options.first_seed.to_string()]);
    command.args(["--trials", &options.trials.to_string()]);
    command.args(["--many", &options.many.to_string()]);
    command.arg("--workers");
    command.args(options.workers.iter().map(u32::to_string));
}
