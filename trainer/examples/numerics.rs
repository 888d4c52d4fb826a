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
    TrainingData, TrainingError, kernels::width::Width,
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
    #[error("this processor has no vectors {found:?}; it has {known:?}")]
    Width { found: String, known: Vec<String> },
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
        ["widths"] => Ok(serde_json::to_string(&width_names())?),
        ["train", leg] => Ok(serde_json::to_string(&train(&serde_json::from_str(leg)?)?)?),
        _ => Err(LegError::Usage),
    }
}

fn width_names() -> Vec<String> {
    let widths = Width::available().into_iter();
    widths.map(|width| width.to_string()).collect()
}

fn width(name: Option<&str>) -> Result<Width, LegError> {
    let Some(name) = name else {
        return Ok(Width::widest());
    };
    let named = |width: &Width| width.to_string() == name;
    let found = Width::available().into_iter().find(named);
    found.ok_or_else(|| LegError::Width {
        found: name.to_owned(),
        known: width_names(),
    })
}

fn train(leg: &Leg) -> Result<Ending, LegError> {
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
    let data = TrainingData::from_blobs(training, validation, leg.classes)?;
    let (seed, width) = (leg.seed.parse()?, width(leg.width.as_deref())?);
    Ok(match &leg.checkpoint {
        None => Training::with_width(setting, seed, data, width)?,
        Some(path) => Training::resume_with_width(setting, seed, data, &read(path)?, width)?,
    })
}

fn read(path: &PathBuf) -> Result<Vec<u8>, LegError> {
    fs::read(path).map_err(|source| LegError::File {
        path: path.clone(),
        source,
    })
}
