//! A job's model, whatever kind it is: how a picture becomes its input, and what it says of it.

use tabsweep_picture::{DecodeError, Filter, Limits, Resize, decode};
use tabsweep_protocol::{Label, LabelModel, Parameters};
use tabsweep_trainer::{HyperparameterError, Hyperparameters, Model, ModelError};
use tabsweep_vision::{Bundle, BundleError, ClassifyError, PhotoClassifier, bundle::BundleFiles};
use thiserror::Error;

/// Pictures that are classified together: a few milliseconds' work.
const BATCH: usize = 50;

/// How a picture of another size is brought to that of a trial's images.
const RESIZE: Resize = Resize::Crop {
    share: 1.0,
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
    /// The bundle is none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Other files came than the model has.
    #[error("expected {expected} files, found {found}")]
    Files {
        /// How many the model has.
        expected: usize,
        /// How many came.
        found: usize,
    },
}

/// A model that says what is on pictures.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    classes: usize,
}

#[derive(Clone, Debug)]
enum Network {
    /// A trial's, for grey images of one size.
    Trial {
        model: Box<Model>,
        height: usize,
        width: usize,
    },
    /// A bundle's.
    Bundle(Box<PhotoClassifier>),
}

impl Classifier {
    /// The model that a job names, of its files in their order.
    ///
    /// # Errors
    /// They are not those of such a model.
    pub fn new(model: &LabelModel, files: &[Vec<u8>]) -> Result<Self, ClassifierError> {
        let classes = model.classes() as usize;
        let network = match (model, files) {
            (
                LabelModel::Trial {
                    parameters,
                    height,
                    width,
                    ..
                },
                [weights],
            ) => {
                let size = (*height as usize, *width as usize);
                trial(parameters, classes, size, weights)?
            }
            (LabelModel::Bundle { .. }, [description, labels, weights]) => {
                let bundle = Bundle::parse(BundleFiles {
                    description,
                    labels,
                    weights,
                })?;
                Network::Bundle(Box::new(PhotoClassifier::new(bundle)?))
            }
            _ => {
                return Err(ClassifierError::Files {
                    expected: model.files().len(),
                    found: files.len(),
                });
            }
        };
        Ok(Self { network, classes })
    }

    /// Pictures that are best classified together.
    pub(crate) fn batch(&self) -> usize {
        match &self.network {
            Network::Trial { .. } => BATCH,
            Network::Bundle(_) => 1,
        }
    }

    /// The model's input for a picture, in the model's size. A trial's model is shown how light a
    /// picture is, and one of its own size as it is.
    pub(crate) fn input(&self, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let picture = decode(bytes, &Limits::default())?;
        Ok(match &self.network {
            Network::Trial { height, width, .. } => {
                if (picture.height(), picture.width()) == (*height, *width) {
                    return Ok(picture.grey());
                }
                RESIZE.apply(&picture, *width, *height).grey()
            }
            Network::Bundle(classifier) => classifier.input(&picture),
        })
    }

    /// The `top` likeliest classes of each of `count` inputs, best first.
    pub(crate) fn labels(
        &mut self,
        inputs: &[u8],
        count: usize,
        top: usize,
    ) -> Result<Vec<Vec<Label>>, ClassifyError> {
        let probabilities = match &mut self.network {
            Network::Trial { model, .. } => model.probabilities(inputs, count)?,
            Network::Bundle(_) if count == 0 => Vec::new(),
            Network::Bundle(classifier) => classifier.scores_of_input(inputs)?,
        };
        let rows = probabilities.chunks_exact(self.classes);
        Ok(rows.map(|row| likeliest(row, top)).collect())
    }
}

fn trial(
    parameters: &Parameters,
    classes: usize,
    (height, width): (usize, usize),
    weights: &[u8],
) -> Result<Network, ClassifierError> {
    let setting = serde_json::to_value(parameters)?;
    let setting = setting.as_object().cloned().unwrap_or_default();
    let hyperparameters = Hyperparameters::from_json(&setting)?;
    let model = Model::load(&hyperparameters, classes, height, width, weights)?;
    Ok(Network::Trial {
        model: Box::new(model),
        height,
        width,
    })
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
