//! Decides what a bundle says about a picture: its input made, its network asked, the likeliest labels
//! named.

use tabsweep_picture::{DecodeError, Limits, Picture, Resize, decode};
use tabsweep_trainer::{Hyperparameters, Model, ModelError};
use thiserror::Error;

use crate::bundle::{Bundle, BundleError};
use crate::description::{Architecture, Input, Normalisation};
use crate::mobilenet::{MobileNet, Size};

/// A label and how likely it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// Which class, from 0.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// From 0 to 1.
    pub score: f32,
}

/// Why a picture could not be classified.
#[derive(Debug, Error)]
pub enum ClassifyError {
    /// It can't be read.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// An input has another size.
    #[error("an input of {found} bytes, expected {expected}")]
    Input {
        /// Bytes given.
        found: usize,
        /// Height × width × channels.
        expected: usize,
    },
    /// The network failed where it should not.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A bundle at work.
#[derive(Clone, Debug)]
pub struct PhotoClassifier {
    network: Network,
    input: Input,
    resize: Resize,
    labels: Vec<String>,
}

#[derive(Clone, Debug)]
enum Network {
    MobileNet {
        network: Box<MobileNet>,
        /// What each byte becomes, for each channel.
        tables: Vec<[f32; 256]>,
    },
    LeNet(Box<Model>),
}

impl PhotoClassifier {
    /// The network of a bundle, with its weights.
    ///
    /// # Errors
    /// The weights are not those of such a network.
    pub fn new(bundle: Bundle<'_>) -> Result<Self, BundleError> {
        let input = bundle.description.input;
        let classes = bundle.labels.len();
        let architecture = &bundle.description.architecture;
        Ok(Self {
            network: Network::load(architecture, &input, classes, bundle.weights)?,
            input,
            resize: bundle.description.resize,
            labels: bundle.labels,
        })
    }

    /// The `top` likeliest labels for an encoded picture, likeliest first.
    ///
    /// # Errors
    /// The picture can't be read or is beyond the limits.
    pub fn classify(
        &mut self,
        encoded: &[u8],
        limits: &Limits,
        top: usize,
    ) -> Result<Vec<Guess>, ClassifyError> {
        let picture = decode(encoded, limits)?;
        let scores = self.scores(&picture)?;
        Ok(self.likeliest(&scores, top))
    }

    /// The probability of each class for a picture.
    ///
    /// # Errors
    /// The network failed where it should not.
    pub fn scores(&mut self, picture: &Picture) -> Result<Vec<f32>, ClassifyError> {
        let input = self.input(picture);
        Ok(self.network.probabilities(&input)?)
    }

    /// The bytes of the input `[height, width, channels]` for a picture.
    #[must_use]
    pub fn input(&self, picture: &Picture) -> Vec<u8> {
        let sized = self.sized(picture);
        match self.input.channels {
            1 => sized.grey(),
            _ => sized.pixels().to_vec(),
        }
    }

    /// The probability of each class for the bytes of an input `[height, width, channels]`.
    ///
    /// # Errors
    /// The input has another size.
    pub fn scores_of_input(&mut self, input: &[u8]) -> Result<Vec<f32>, ClassifyError> {
        let expected = self.input.width * self.input.height * self.input.channels;
        if input.len() != expected {
            return Err(ClassifyError::Input {
                found: input.len(),
                expected,
            });
        }
        Ok(self.network.probabilities(input)?)
    }

    /// What the network is shown of a picture, before bytes become numbers.
    #[must_use]
    pub fn sized(&self, picture: &Picture) -> Picture {
        self.resize
            .apply(picture, self.input.width, self.input.height)
    }

    /// The name of each class.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Among equals the first class comes first.
    fn likeliest(&self, scores: &[f32], top: usize) -> Vec<Guess> {
        let mut classes: Vec<usize> = (0..scores.len()).collect();
        classes.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
        let guess = |&class: &usize| Guess {
            class,
            label: self.labels[class].clone(),
            score: scores[class],
        };
        classes.iter().take(top).map(guess).collect()
    }
}

impl Network {
    fn load(
        architecture: &Architecture,
        input: &Input,
        classes: usize,
        weights: &[u8],
    ) -> Result<Self, BundleError> {
        match architecture {
            Architecture::MobilenetV1 {
                width,
                batch_norm_epsilon,
            } => {
                let size = Size {
                    width: *width,
                    image_height: input.height,
                    image_width: input.width,
                    image_channels: input.channels,
                    classes,
                    batch_norm_epsilon: *batch_norm_epsilon,
                };
                let network = Box::new(MobileNet::load(size, weights)?);
                let normalisation = input.normalisation.as_ref();
                let tables = normalisation.map_or_else(Vec::new, Normalisation::tables);
                Ok(Self::MobileNet { network, tables })
            }
            Architecture::Lenet { setting } => {
                let invalid = |reason: &dyn ToString| BundleError::Setting {
                    reason: reason.to_string(),
                };
                let hyperparameters =
                    Hyperparameters::from_json(setting).map_err(|error| invalid(&error))?;
                let (height, width) = (input.height, input.width);
                match Model::load(&hyperparameters, classes, height, width, weights) {
                    Ok(model) => Ok(Self::LeNet(Box::new(model))),
                    Err(ModelError::File(error)) => Err(error.into()),
                    Err(error) => Err(invalid(&error)),
                }
            }
        }
    }

    fn probabilities(&mut self, bytes: &[u8]) -> Result<Vec<f32>, ModelError> {
        match self {
            Self::MobileNet { network, tables } => {
                let tables = tables.iter().cycle();
                let values = bytes.iter().zip(tables);
                let image: Vec<f32> = values
                    .map(|(&byte, table)| table[usize::from(byte)])
                    .collect();
                Ok(network.probabilities(&image))
            }
            Self::LeNet(model) => model.probabilities(bytes, 1),
        }
    }
}

impl Normalisation {
    fn tables(&self) -> Vec<[f32; 256]> {
        let channels = self.mean.iter().zip(&self.deviation);
        let table = |(mean, deviation): (&f32, &f32)| {
            std::array::from_fn(|byte| (byte as f32 - mean) / deviation)
        };
        channels.map(table).collect()
    }
}
