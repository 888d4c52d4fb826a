//! A training without a server: for measurements, and to check in JavaScript what is promised about
//! checkpoints.

use tabsweep_trainer::{Hyperparameters, Model, Progress, Training, TrainingData};
use wasm_bindgen::prelude::*;

/// A training in the hands of JavaScript.
#[wasm_bindgen]
pub struct Session {
    training: Training,
    hyperparameters: Hyperparameters,
    data: TrainingData,
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
        training: &[u8],
        validation: &[u8],
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
            if let Progress::Finished(_) = self.training.advance()? {
                break;
            }
        }
        Ok(self.training.step() as f64)
    }

    /// Classifies `images` validation images in batches of `batch`, from the first again after the
    /// last, and counts those put in their class.
    ///
    /// # Errors
    /// A weight is no longer a number.
    pub fn forward(&self, images: usize, batch: usize) -> Result<usize, JsError> {
        let validation = self.data.validation();
        let model = Model::load(
            &self.hyperparameters,
            self.data.classes(),
            self.data.height(),
            self.data.width(),
            &self.training.weights(),
        )?;
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

    /// All that is needed to go on elsewhere.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.training.checkpoint()
    }

    /// The weights.
    pub fn weights(&self) -> Vec<u8> {
        self.training.weights()
    }
}
