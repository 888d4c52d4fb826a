//! A training whose steps and scoring can be timed apart, as the workers' module offers it to
//! JavaScript. Does not know the time.

use tabsweep_trainer::{Hyperparameters, Progress, Training, TrainingData, TrainingError};

/// A training.
#[derive(Debug)]
pub struct Session {
    training: Training,
    /// An epoch has been trained and not yet been scored.
    awaits_score: bool,
}

impl Session {
    /// A training at its start.
    ///
    /// # Errors
    /// The setting has no model for the data.
    pub fn new(
        setting: Hyperparameters,
        seed: u64,
        data: TrainingData,
    ) -> Result<Self, TrainingError> {
        Ok(Self {
            training: Training::new(setting, seed, data)?,
            awaits_score: false,
        })
    }

    /// Trains up to `steps` steps, none beyond the epoch's last; the images trained with. 0 when the
    /// epoch awaits its score, or when the training has ended.
    ///
    /// # Errors
    /// The training diverges.
    pub fn train_in_epoch(&mut self, steps: u32) -> Result<u64, TrainingError> {
        let before = self.training.images_seen();
        for _ in 0..steps {
            if self.awaits_score || self.is_trained() {
                break;
            }
            self.training.advance()?;
            let per_epoch = self.training.steps_per_epoch();
            self.awaits_score = self.training.step().is_multiple_of(per_epoch);
        }
        Ok(self.training.images_seen() - before)
    }

    /// Scores the epoch that awaits it: how many validation images are put in their class. Nothing
    /// when no epoch does.
    ///
    /// # Errors
    /// The model fails where it should not.
    pub fn score(&mut self) -> Result<Option<usize>, TrainingError> {
        while self.awaits_score {
            if let Progress::Epoch(figures) | Progress::Finished(figures) =
                self.training.advance()?
            {
                self.awaits_score = false;
                return Ok(Some(figures.validation_correct));
            }
        }
        Ok(None)
    }

    /// The weights, as a file.
    #[must_use]
    pub fn weights(&self) -> Vec<u8> {
        self.training.weights()
    }

    fn is_trained(&self) -> bool {
        self.training.step() == self.training.total_steps()
    }
}
