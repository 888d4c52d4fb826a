//! The trainer under measurement: as much training, or as much inference, as fits into a time, and
//! whole trainings. Decides what counts as training time: steps, not the scoring between epochs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tabsweep_trainer::{
    ArchitectureError, HyperparameterError, Hyperparameters, ImageSet, Model, ModelError,
    TrainingData, TrainingError,
};

use crate::session::Session;

/// Speed does not depend on it.
const SEED: u64 = 1;
/// Steps between two looks at the clock.
const STEPS: u32 = 4;
/// Images classified between two looks at the clock.
const FORWARD_IMAGES: usize = 3_200;

/// A setting as JSON.
pub type Setting = Map<String, Value>;

/// What is measured of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Whole steps: batch, forward, backward, optimiser.
    Step,
    /// Classification in batches.
    Forward,
}

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// The setting is none.
    #[error(transparent)]
    Setting(#[from] HyperparameterError),
    /// The training ended where it should not.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The setting has no model for the images.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The training's own weights are refused.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// What was done in which time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Measurement {
    /// Images trained with or classified.
    pub images: u64,
    /// The time it took.
    pub seconds: f64,
}

/// A whole training.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Run {
    /// Of the steps alone.
    training_secs: f64,
    /// Of scoring validation images after each epoch.
    scoring_secs: f64,
    /// From the first weight to the last score.
    whole_secs: f64,
    validation_correct: usize,
    validation_count: usize,
    test_correct: usize,
    test_count: usize,
}

/// The trainings that are measured, each as far as it has come.
#[derive(Debug)]
pub struct Product {
    data: TrainingData,
    sessions: BTreeMap<String, Session>,
}

impl Product {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(data: TrainingData) -> Self {
        Self {
            data,
            sessions: BTreeMap::new(),
        }
    }

    /// Does `work` with `setting` for `seconds`; trainings go on from the last time.
    ///
    /// # Errors
    /// The setting is none, or the training diverges.
    pub fn measure(
        &mut self,
        work: Work,
        setting: &Setting,
        seconds: f64,
    ) -> Result<Measurement, ProductError> {
        match work {
            Work::Step => self.train_for(setting, seconds),
            Work::Forward => self.classify_for(setting, seconds),
        }
    }

    fn train_for(&mut self, setting: &Setting, seconds: f64) -> Result<Measurement, ProductError> {
        let mut measured = Measurement::default();
        while measured.seconds < seconds {
            let session = self.session(setting)?;
            let (took, images) = timed(|| session.train_in_epoch(STEPS));
            let images = images?;
            measured.seconds += took.as_secs_f64();
            measured.images += images;
            if images == 0 && session.score()?.is_none() {
                self.sessions.remove(&key(setting));
            }
        }
        Ok(measured)
    }

    fn classify_for(
        &mut self,
        setting: &Setting,
        seconds: f64,
    ) -> Result<Measurement, ProductError> {
        let hyperparameters = Hyperparameters::from_json(setting)?;
        let data = self.data.clone();
        let session = self.session(setting)?;
        let model = loaded(&hyperparameters, &data, session)?;
        let validation = data.validation();
        let mut measured = Measurement::default();
        let mut first = 0;
        while measured.seconds < seconds {
            let count = FORWARD_IMAGES.min(validation.len() - first);
            let range = first..first + count;
            let (took, correct) =
                timed(|| classify(&model, validation, range, hyperparameters.batch_size));
            correct?;
            measured.seconds += took.as_secs_f64();
            measured.images += count as u64;
            first = (first + count) % validation.len();
        }
        Ok(measured)
    }

    /// Trains with `setting` and `seed` to the end, and scores on `test`.
    ///
    /// # Errors
    /// The setting is none, or the training diverges.
    pub fn run(&self, setting: &Setting, seed: u64, test: &ImageSet) -> Result<Run, ProductError> {
        let hyperparameters = Hyperparameters::from_json(setting)?;
        let start = Instant::now();
        let mut session = Session::new(hyperparameters.clone(), seed, self.data.clone())?;
        let mut training = Duration::ZERO;
        let mut scoring = Duration::ZERO;
        let mut validation_correct = 0;
        loop {
            let (took, images) = timed(|| session.train_in_epoch(u32::MAX));
            training += took;
            let (took, score) = timed(|| session.score());
            scoring += took;
            validation_correct = score?.unwrap_or(validation_correct);
            if images? == 0 {
                break;
            }
        }
        let whole = start.elapsed();
        let model = loaded(&hyperparameters, &self.data, &session)?;
        Ok(Run {
            whole_secs: whole.as_secs_f64(),
            training_secs: training.as_secs_f64(),
            scoring_secs: scoring.as_secs_f64(),
            validation_correct,
            validation_count: self.data.validation().len(),
            test_correct: model.count_correct(test.pixels(), test.labels())?,
            test_count: test.len(),
        })
    }

    fn session(&mut self, setting: &Setting) -> Result<&mut Session, ProductError> {
        match self.sessions.entry(key(setting)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let setting = Hyperparameters::from_json(setting)?;
                Ok(entry.insert(Session::new(setting, SEED, self.data.clone())?))
            }
        }
    }
}

fn key(setting: &Setting) -> String {
    Value::Object(setting.clone()).to_string()
}

fn loaded(
    setting: &Hyperparameters,
    data: &TrainingData,
    session: &Session,
) -> Result<Model, ModelError> {
    let (classes, height, width) = (data.classes(), data.height(), data.width());
    Model::load(setting, classes, height, width, &session.weights())
}

fn classify(
    model: &Model,
    set: &ImageSet,
    range: std::ops::Range<usize>,
    batch: usize,
) -> Result<usize, ModelError> {
    let mut correct = 0;
    for first in range.clone().step_by(batch) {
        let batch = first..range.end.min(first + batch);
        let labels = &set.labels()[batch.clone()];
        correct += model.count_correct(set.images(batch), labels)?;
    }
    Ok(correct)
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}
