//! A training without a server: for measurements, and to check in JavaScript what is promised about
//! checkpoints.

use tabsweep_trainer::{
    Hyperparameters, ImageSet, Model, ModelError, Progress, Training, TrainingData, TrainingError,
};
use wasm_bindgen::prelude::*;

/// A training in the hands of JavaScript.
#[wasm_bindgen]
pub struct Session {
    training: Training,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    /// An epoch has been trained and not yet been scored.
    awaits_score: bool,
}

#[wasm_bindgen]
impl Session {
    /// Begins a training, or goes on from `checkpoint`. `setting` is a JSON object of
    /// hyper-parameters, `seed` a whole number as text, the images safetensors.
    ///
    /// # Errors
    /// Something is not what it should be.
    #[wasm_bindgen(constructor)]
    pub fn new(
        setting: &str,
        seed: &str,
        training: Vec<u8>,
        validation: Vec<u8>,
        classes: usize,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<Session, JsError> {
        let hyperparameters = Hyperparameters::from_json(&serde_json::from_str(setting)?)?;
        let data = TrainingData::from_blobs(training, validation, classes)?;
        let seed = seed.parse()?;
        let (setting, images) = (hyperparameters.clone(), data.clone());
        let training = match checkpoint {
            None => Training::new(setting, seed, images)?,
            Some(bytes) => Training::resume(setting, seed, images, &bytes)?,
        };
        Ok(Session {
            awaits_score: ends_epoch(&training),
            training,
            hyperparameters,
            data,
        })
    }

    /// Trains until `steps` more steps are done, or the training has ended; the steps done in all.
    ///
    /// # Errors
    /// The loss is no longer a number.
    pub fn train(&mut self, steps: u32) -> Result<f64, JsError> {
        let goal = self.training.step() + u64::from(steps);
        while self.training.step() < goal {
            if let Progress::Finished(_) = self.advance()? {
                break;
            }
        }
        Ok(self.training.step() as f64)
    }

    /// Trains up to `steps` steps, none beyond the epoch's last; the images trained with. 0 when the
    /// epoch awaits its score, or when the training has ended.
    ///
    /// # Errors
    /// The loss is no longer a number.
    pub fn train_in_epoch(&mut self, steps: u32) -> Result<f64, JsError> {
        let before = self.training.images_seen();
        for _ in 0..steps {
            if self.awaits_score || self.training.step() == self.training.total_steps() {
                break;
            }
            self.advance()?;
        }
        Ok((self.training.images_seen() - before) as f64)
    }

    /// Scores the epoch that awaits it: how many validation images are put in their class. Nothing
    /// when no epoch does.
    ///
    /// # Errors
    /// A weight is no longer a number.
    pub fn score(&mut self) -> Result<Option<usize>, JsError> {
        while self.awaits_score {
            if let Progress::Epoch(figures) | Progress::Finished(figures) = self.advance()? {
                return Ok(Some(figures.validation_correct));
            }
        }
        Ok(None)
    }

    /// How many of other labelled images, safetensors like those trained with, are put in their
    /// class.
    ///
    /// # Errors
    /// These are no such images, or a weight is no longer a number.
    pub fn count_correct(&self, images: Vec<u8>) -> Result<usize, JsError> {
        let images = ImageSet::from_blob("test", images, self.data.classes())?;
        Ok(self
            .model()?
            .count_correct(images.pixels(), images.labels())?)
    }

    /// Classifies `images` validation images in batches of `batch`, from the first again after the
    /// last, and counts those put in their class.
    ///
    /// # Errors
    /// A weight is no longer a number.
    pub fn forward(&self, images: usize, batch: usize) -> Result<usize, JsError> {
        let validation = self.data.validation();
        let model = self.model()?;
        let (mut done, mut start, mut correct) = (0, 0, 0);
        while done < images {
            let end = (start + batch.min(images - done)).min(validation.len());
            let labels = &validation.labels()[start..end];
            correct += model.count_correct(validation.images(start..end), labels)?;
            done += end - start;
            start = end % validation.len();
        }
        Ok(correct)
    }

    /// Optimiser steps done.
    pub fn step(&self) -> f64 {
        self.training.step() as f64
    }

    /// Optimiser steps in the whole training.
    pub fn total_steps(&self) -> f64 {
        self.training.total_steps() as f64
    }

    /// Optimiser steps in an epoch.
    pub fn steps_per_epoch(&self) -> f64 {
        self.training.steps_per_epoch() as f64
    }

    /// Validation images there are.
    pub fn validation_count(&self) -> usize {
        self.data.validation().len()
    }

    /// All that is needed to go on elsewhere.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.training.checkpoint()
    }

    /// The weights.
    pub fn weights(&self) -> Vec<u8> {
        self.training.weights()
    }
}

impl Session {
    fn advance(&mut self) -> Result<Progress, TrainingError> {
        let progress = self.training.advance()?;
        self.awaits_score = match progress {
            Progress::Step { .. } => ends_epoch(&self.training),
            Progress::Evaluating { .. } => true,
            Progress::Epoch(_) | Progress::Finished(_) => false,
        };
        Ok(progress)
    }

    fn model(&self) -> Result<Model, ModelError> {
        Model::load(
            &self.hyperparameters,
            self.data.classes(),
            self.data.height(),
            self.data.width(),
            &self.training.weights(),
        )
    }
}

fn ends_epoch(training: &Training) -> bool {
    training.step() > 0 && training.step().is_multiple_of(training.steps_per_epoch())
}
