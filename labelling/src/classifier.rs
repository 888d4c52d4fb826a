//! A job's model, whatever kind it is: how a picture becomes its input, and what it says of it.

use tabsweep_picture::{DecodeError, Filter, Fit, Limits, Picture, Resize, decode};
use tabsweep_protocol::{Label, LabelModel};
use tabsweep_trainer::{HyperparameterError, Hyperparameters, Model, ModelError};
use thiserror::Error;

/// Pictures that are classified together: a few milliseconds' work.
const BATCH: usize = 50;

/// How a picture of another size is brought to that of a trial's images.
const RESIZE: Resize = Resize {
    fit: Fit::Crop { share: 1.0 },
    filter: Filter::Area,
};

/// Why there is no such model.
#[derive(Debug, Error)]
pub enum ClassifierError {
    /// The setting is none.
    #[error(transparent)]
    Setting(#[from] HyperparameterError),
    /// The setting can't be read.
    #[error("the setting can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The weights are not those of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A model that says what is on pictures.
#[derive(Clone, Debug)]
pub struct Classifier {
    model: Model,
    classes: usize,
    height: usize,
    width: usize,
}

impl Classifier {
    /// The model that a job names, with its weights.
    ///
    /// # Errors
    /// The weights are not those of such a model.
    pub fn new(model: &LabelModel, weights: &[u8]) -> Result<Self, ClassifierError> {
        let LabelModel::Trial {
            parameters,
            classes,
            height,
            width,
            ..
        } = model;
        let setting = serde_json::to_value(parameters)?;
        let setting = setting.as_object().cloned().unwrap_or_default();
        let hyperparameters = Hyperparameters::from_json(&setting)?;
        let (classes, height, width) = (*classes as usize, *height as usize, *width as usize);
        let model = Model::load(&hyperparameters, classes, height, width, weights)?;
        Ok(Self {
            model,
            classes,
            height,
            width,
        })
    }

    /// Pictures that are best classified together.
    pub(crate) fn batch(&self) -> usize {
        BATCH
    }

    /// The model's input for a picture: how light it is, in the model's size. A picture of that size is
    /// taken as it is.
    pub(crate) fn input(&self, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let picture = decode(bytes, &Limits::default())?;
        if (picture.height(), picture.width()) == (self.height, self.width) {
            return Ok(picture.grey());
        }
        let resized: Picture = RESIZE.apply(&picture, self.width, self.height);
        Ok(resized.grey())
    }

    /// The `top` likeliest classes of each of `count` inputs, best first.
    pub(crate) fn labels(
        &self,
        inputs: &[u8],
        count: usize,
        top: usize,
    ) -> Result<Vec<Vec<Label>>, ModelError> {
        let probabilities = self.model.probabilities(inputs, count)?;
        let rows = probabilities.chunks_exact(self.classes);
        Ok(rows.map(|row| likeliest(row, top)).collect())
    }
}

/// The highest probabilities; among equals the lower class.
fn likeliest(probabilities: &[f32], top: usize) -> Vec<Label> {
    let mut labels: Vec<Label> = (0..)
        .zip(probabilities)
        .map(|(class, &score)| Label { class, score })
        .collect();
    labels.sort_by(|a, b| b.score.total_cmp(&a.score));
    labels.truncate(top);
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_equals_in_the_order_of_classes() {
        let labels = likeliest(&[0.1, 0.3, 0.2, 0.3, 0.1], 3);
        let classes: Vec<u32> = labels.iter().map(|label| label.class).collect();
        assert_eq!(classes, [1, 3, 2]);
        assert_eq!(likeliest(&[0.5, 0.5], 9).len(), 2);
    }
}
