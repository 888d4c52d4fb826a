//! A leg of a training natively, from files to files: what the tests of the numeric contract hold
//! against other builds and against browsers. Does not know what the others computed.
//!
//! `numerics widths` prints the vector widths that can be chosen here, as a JSON array.
//! `numerics train LEG` trains; `LEG` is a JSON object, and so is what is printed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tabsweep_trainer::{
    CheckpointError, DataError, HyperparameterError, Hyperparameters, Progress, Training,
    TrainingData, TrainingError,
};
use thiserror::Error;

/// What to train, and how far.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leg {
    /// Vector width of the kernels; the widest there is where absent.
    width: Option<String>,
    setting: Map<String, Value>,
    /// A string, as everywhere in JSON.
    seed: String,
    training: PathBuf,
    validation: PathBuf,
    classes: usize,
    /// Where to go on; from the beginning where absent.
    checkpoint: Option<PathBuf>,
    /// The step after which the leg ends.
    until: u64,
    /// Where its checkpoint goes.
    result: PathBuf,
}

/// How a leg ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    /// With its checkpoint written, after this step.
    Step(u64),
    /// With no more numbers, in the trainer's words.
    Diverged(String),
}

/// Why a leg could not be run.
#[derive(Debug, Error)]
enum LegError {
    #[error("expected `widths` or `train LEG`")]
    Usage,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the leg can't be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the seed is no whole number: {0}")]
    Seed(#[from] std::num::ParseIntError),
    #[error("there is no vector width {found:?} here; there are {known:?}")]
    Width {
        found: String,
        known: Vec<&'static str>,
    },
    #[error(transparent)]
    Setting(#[from] HyperparameterError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Training(#[from] TrainingError),
}

fn main() -> ExitCode {
    match answer() {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<String, LegError> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["widths"] => Ok(serde_json::to_string(&widths())?),
        ["train", leg] => Ok(serde_json::to_string(&train(&serde_json::from_str(leg)?)?)?),
        _ => Err(LegError::Usage),
    }
}

/// Names of the vector widths that the kernels can be held to on this processor.
fn widths() -> Vec<&'static str> {
    Vec::new()
}

/// Holds the kernels of this process to a width.
fn choose(width: &str) -> Result<(), LegError> {
    Err(LegError::Width {
        found: width.to_owned(),
        known: widths(),
    })
}

fn train(leg: &Leg) -> Result<Ending, LegError> {
    if let Some(width) = &leg.width {
        choose(width)?;
    }
    let mut training = begun(leg)?;
    while training.step() < leg.until {
        match training.advance() {
            Ok(Progress::Finished(_)) => break,
            Ok(_) => {}
            Err(error @ TrainingError::Diverged { .. }) => {
                return Ok(Ending::Diverged(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let written = fs::write(&leg.result, training.checkpoint());
    written.map_err(|source| LegError::File {
        path: leg.result.clone(),
        source,
    })?;
    Ok(Ending::Step(training.step()))
}

fn begun(leg: &Leg) -> Result<Training, LegError> {
    let setting = Hyperparameters::from_json(&leg.setting)?;
    let (training, validation) = (read(&leg.training)?, read(&leg.validation)?);
    let data = TrainingData::from_blobs(&training, &validation, leg.classes)?;
    let seed = leg.seed.parse()?;
    Ok(match &leg.checkpoint {
        None => Training::new(setting, seed, data)?,
        Some(path) => Training::resume(setting, seed, data, &read(path)?)?,
    })
}

fn read(path: &PathBuf) -> Result<Vec<u8>, LegError> {
    fs::read(path).map_err(|source| LegError::File {
        path: path.clone(),
        source,
    })
}
