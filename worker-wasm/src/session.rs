//! A training without a server: for measurements, and to check in JavaScript what is promised about
//! checkpoints.

use tabsweep_trainer::{Hyperparameters, Progress, Training, TrainingData};
use wasm_bindgen::prelude::*;

/// A training in the hands of JavaScript.
#[wasm_bindgen]
pub struct Session {
    training: Training,
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
        let training = match checkpoint {
            None => Training::new(hyperparameters, seed, data)?,
            Some(bytes) => Training::resume(hyperparameters, seed, data, &bytes)?,
        };
        Ok(Session { training })
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

    /// All that is needed to go on elsewhere.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.training.checkpoint()
    }

    /// The weights.
    pub fn weights(&self) -> Vec<u8> {
        self.training.weights()
    }
}
