//! Decides what finished weights say about images. Weights may come from a stranger: nothing in them
//! is trusted. It does not know how they were trained.

use thiserror::Error;

use crate::architecture::{Architecture, ArchitectureError, TensorSpec};
use crate::evaluation;
use crate::hyperparameters::Hyperparameters;
use crate::kernels::width::Width;
use crate::lenet::LeNet;
use crate::tensor_file::{TensorFile, TensorFileError};

/// Why weights can't be used.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The setting has no model for such images.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The bytes are not the weights of such a model.
    #[error("weights: {0}")]
    File(#[from] TensorFileError),
    /// Pixels do not make up the images announced.
    #[error("{found} bytes are not {count} images of {pixels} pixels")]
    Images {
        /// Bytes given.
        found: usize,
        /// Images announced.
        count: usize,
        /// Pixels of an image.
        pixels: usize,
    },
    /// Candle failed where it should not.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// A finished model.
#[derive(Clone, Debug)]
pub struct Model {
    lenet: LeNet,
}

impl Model {
    /// The model of a setting with `weights` (safetensors bytes) for images of `height`×`width` in
    /// `classes` classes.
    ///
    /// # Errors
    /// If there is no such model, or `weights` are not exactly its tensors: single precision, of the
    /// right shapes, all finite.
    pub fn load(
        hyperparameters: &Hyperparameters,
        classes: usize,
        height: usize,
        width: usize,
        weights: &[u8],
    ) -> Result<Self, ModelError> {
        let architecture = Architecture::new(hyperparameters, classes, height, width)?;
        let file = TensorFile::parse(weights)?;
        let specs = architecture.tensors();
        file.refuse_unexpected(|name| specs.iter().any(|spec| spec.name == name))?;
        Self::from_file(architecture, &file)
    }

    /// As [`Model::load`], with the weights in a checkpoint; what else it holds is not looked at.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_checkpoint(
        hyperparameters: &Hyperparameters,
        classes: usize,
        height: usize,
        width: usize,
        checkpoint: &[u8],
    ) -> Result<Self, ModelError> {
        let architecture = Architecture::new(hyperparameters, classes, height, width)?;
        Self::from_file(architecture, &TensorFile::parse(checkpoint)?)
    }

    fn from_file(architecture: Architecture, file: &TensorFile<'_>) -> Result<Self, ModelError> {
        let values = |spec: &_| Self::values(file, spec);
        Ok(Self {
            lenet: LeNet::new(architecture, Width::widest(), values)?,
        })
    }

    fn values(file: &TensorFile, spec: &TensorSpec) -> Result<Vec<f32>, ModelError> {
        Ok(file.floats(&spec.name, &spec.shape)?)
    }

    /// The probability of each class for each of `count` images `[count, height, width]`, as
    /// `[count, classes]`.
    ///
    /// # Errors
    /// If `images` has another number of bytes.
    pub fn probabilities(&self, images: &[u8], count: usize) -> Result<Vec<f32>, ModelError> {
        let pixels = self.checked_pixels(images, count)?;
        let mut all = Vec::with_capacity(count * self.lenet.architecture().classes());
        for images in images.chunks(evaluation::chunk(&self.lenet) * pixels) {
            let count = images.len() / pixels;
            all.extend(evaluation::probabilities(&self.lenet, images, count)?);
        }
        Ok(all)
    }

    /// How many of the images `[labels.len(), height, width]` it puts in their class.
    ///
    /// # Errors
    /// If `images` has another number of bytes.
    pub fn count_correct(&self, images: &[u8], labels: &[u8]) -> Result<usize, ModelError> {
        let pixels = self.checked_pixels(images, labels.len())?;
        let chunk = evaluation::chunk(&self.lenet);
        let chunks = images.chunks(chunk * pixels).zip(labels.chunks(chunk));
        let mut correct = 0;
        for (images, labels) in chunks {
            correct += evaluation::count_correct(&self.lenet, images, labels)?;
        }
        Ok(correct)
    }

    fn checked_pixels(&self, images: &[u8], count: usize) -> Result<usize, ModelError> {
        let (found, pixels) = (images.len(), self.lenet.architecture().pixels());
        if Some(found) == pixels.checked_mul(count) {
            Ok(pixels)
        } else {
            Err(ModelError::Images {
                found,
                count,
                pixels,
            })
        }
    }
}
