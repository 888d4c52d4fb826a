//! Weights that are ready before they are asked for: real ones of the study's network, made those of
//! one trial by numbers too small to move any score.

use std::ops::Range;

use safetensors::{SafeTensorError, SafeTensors};
use tabsweep_dataset::{Split, SyntheticDigits, blob};
use tabsweep_protocol::{Lease, StudyId, TrialNumber};
use tabsweep_trainer::{Hyperparameters, ImageSet, Model, Training, TrainingData};

use crate::http::{Http, HttpError};

/// Why there are no weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The validation images did not arrive.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The trainer does not take the study's settings.
    #[error("the trainer refuses what the study asks for: {reason}")]
    Trainer {
        /// Its words.
        reason: String,
    },
    /// The weights are not as expected.
    #[error("the weights can't be read: {source}")]
    File {
        /// What is wrong.
        #[from]
        source: SafeTensorError,
    },
    /// There is no place for a trial's name.
    #[error("the weights have no bias with three values")]
    NoBias,
}

/// Weights of the network that all trials of a study have.
#[derive(Debug)]
pub(crate) struct Weights {
    template: Vec<u8>,
    /// The first three values of a bias that is added last: a denormal number there is rounded away.
    name: Range<usize>,
    /// How many validation images the weights get right.
    pub(crate) correct: u32,
    /// How many there are.
    pub(crate) count: u32,
}

impl Weights {
    /// Weights for the study of `lease`, whose trials must differ in nothing that shapes the
    /// network.
    pub(crate) async fn fetch(http: &Http, lease: &Lease) -> Result<Self, WeightsError> {
        let blob = &lease.data.validation.sha256;
        let validation = http.blob(blob, &lease.token).await?;
        let classes = lease.data.classes as usize;
        let validation = ImageSet::from_blob("validation", validation, classes).map_err(trainer)?;
        let setting = serde_json::to_value(&lease.parameters).map_err(trainer)?;
        let setting = setting.as_object().cloned().unwrap_or_default();
        let setting = Hyperparameters::from_json(&setting).map_err(trainer)?;
        let mut template = initial(&setting)?;
        let name = place_for_a_name(&template)?;
        template[name.clone()].fill(0);
        let (height, width) = (validation.height(), validation.width());
        let model = Model::load(&setting, classes, height, width, &template).map_err(trainer)?;
        let correct = model.count_correct(validation.pixels(), validation.labels());
        Ok(Self {
            template,
            name,
            correct: small(correct.map_err(trainer)?),
            count: small(validation.len()),
        })
    }

    /// The weights of one trial, the same each time, and unlike those of all others. A checkpoint's
    /// bytes differ by its step.
    pub(crate) fn of(&self, study: StudyId, trial: TrialNumber, step: u32) -> Vec<u8> {
        let mut bytes = self.template.clone();
        let numbers = [trial.0, study.0, step];
        for (place, number) in bytes[self.name.clone()].chunks_exact_mut(4).zip(numbers) {
            // The bits of a number below 2²³ are those of a denormal float, below 1.2e-38.
            place.copy_from_slice(&(number & 0x7f_ffff).to_le_bytes());
        }
        bytes
    }
}

/// Weights as a training begins with; the images are needed to begin one, and not looked at.
fn initial(setting: &Hyperparameters) -> Result<Vec<u8>, WeightsError> {
    let digits = SyntheticDigits {
        seed: 1,
        train: 60,
        test: 10,
    }
    .draw()
    .map_err(trainer)?;
    let split = Split::of(digits.train()).map_err(trainer)?;
    let (training, validation) = (
        blob::encode(&split.training),
        blob::encode(&split.validation),
    );
    let data = TrainingData::from_blobs(training, validation, 10).map_err(trainer)?;
    let training = Training::new(setting.clone(), 1, data).map_err(trainer)?;
    Ok(training.weights())
}

/// The bytes of three values of the last bias.
fn place_for_a_name(file: &[u8]) -> Result<Range<usize>, WeightsError> {
    let (header_bytes, header) = SafeTensors::read_metadata(file)?;
    let biases = header.tensors().into_iter().filter(|(name, info)| {
        name.ends_with("bias") && info.shape.len() == 1 && info.shape[0] >= 3
    });
    // Layers are named in order; the last bias is that of the classes.
    let (_, last) = biases
        .max_by(|a, b| a.0.cmp(&b.0))
        .ok_or(WeightsError::NoBias)?;
    // The header is preceded by its length in eight bytes.
    let begin = 8 + header_bytes + last.data_offsets.0;
    Ok(begin..begin + 12)
}

fn trainer(error: impl std::fmt::Display) -> WeightsError {
    WeightsError::Trainer {
        reason: error.to_string(),
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("data sets have fewer than 2^32 images")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_bytes_and_no_score() {
        let json =
            serde_json::json!({ "conv1_channels": 1, "conv2_channels": 1, "hidden_units": 1 });
        let setting = Hyperparameters::from_json(json.as_object().unwrap()).unwrap();
        let mut template = initial(&setting).unwrap();
        let name = place_for_a_name(&template).unwrap();
        template[name.clone()].fill(0);
        let digits = SyntheticDigits {
            seed: 2,
            train: 60,
            test: 40,
        }
        .draw()
        .unwrap();
        let images = ImageSet::from_blob("test", blob::encode(digits.test()), 10).unwrap();
        let correct = |bytes: &[u8]| {
            let model = Model::load(&setting, 10, 28, 28, bytes).unwrap();
            model.probabilities(images.pixels(), images.len()).unwrap()
        };
        let expected = correct(&template);
        let weights = Weights {
            template,
            name,
            correct: 0,
            count: 0,
        };
        let bytes = weights.of(StudyId(1), TrialNumber(700_000), 0);
        assert_ne!(bytes, weights.of(StudyId(1), TrialNumber(700_001), 0));
        assert_eq!(bytes, weights.of(StudyId(1), TrialNumber(700_000), 0));
        assert_eq!(correct(&bytes), expected);
    }
}
