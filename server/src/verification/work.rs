//! How much work a verdict vouches for, by the trainer's own count.

use tabsweep_dataset::blob;
use tabsweep_protocol::{Outcome, Sha256};
use tabsweep_study::{Pending, Trial};
use tabsweep_trainer::{Hyperparameters, architecture::Architecture};

use super::{CheckError, data_blob, sizes};
use crate::{
    blobs::Blobs,
    store::{DataManifest, Work},
    studies::setting,
};

/// Numbers of training images, kept from one claim to the next.
#[derive(Debug, Default)]
pub(super) struct TrainingImages {
    counted: Option<(Sha256, usize)>,
}

impl TrainingImages {
    async fn count(&mut self, blobs: &Blobs, data: &DataManifest) -> Result<usize, CheckError> {
        let sha256 = &data.training.sha256;
        if let Some((known, count)) = &self.counted
            && known == sha256
        {
            return Ok(*count);
        }
        let (blobs, blob) = (blobs.clone(), data.training.clone());
        let count = tokio::task::spawn_blocking(move || {
            Ok::<_, CheckError>(blob::count(&data_blob(&blobs, &blob)?)?)
        })
        .await??;
        self.counted = Some((sha256.clone(), count));
        Ok(count)
    }

    /// The work behind a claim, if it is right.
    pub(super) async fn work(
        &mut self,
        blobs: &Blobs,
        data: &DataManifest,
        trial: &Trial,
        pending: &Pending,
    ) -> Result<Work, CheckError> {
        let images = self.count(blobs, data).await?;
        let (classes, height, width) = sizes(data);
        let trainer = |error: &dyn std::error::Error| CheckError::Trainer(error.to_string());
        let hyperparameters = Hyperparameters::from_json(&setting(&trial.parameters))
            .map_err(|error| trainer(&error))?;
        let architecture = Architecture::new(&hyperparameters, classes, height, width)
            .map_err(|error| trainer(&error))?;
        let steps_per_epoch = images.div_ceil(hyperparameters.batch_size) as u64;
        let per_image = architecture.multiply_adds_per_training_image();
        Ok(Work {
            steps: match &pending.outcome {
                Outcome::Finished(_) => steps_per_epoch * hyperparameters.epochs as u64,
                // Not the step that the claim names: that is only its word.
                Outcome::Paused(paused) => steps_per_epoch * u64::from(paused.epoch),
                Outcome::Diverged { step } => *step,
            },
            steps_per_epoch,
            multiply_adds_per_epoch: per_image * images as u64,
        })
    }
}
