//! A verified trial's model, read from its weights and ready to be written for other tools. Knows what
//! the tensors are; what a format makes of them stands in that format's file.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tabsweep_trainer::architecture::{Architecture, TensorSpec};
use tabsweep_trainer::tensor_file::TensorFile;
use tabsweep_trainer::{ArchitectureError, HyperparameterError, Hyperparameters, TensorFileError};

use crate::metadata::{self, Provenance};
use crate::{onnx, page, tensors};

/// Why there is no such model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The setting is none.
    #[error(transparent)]
    Setting(#[from] HyperparameterError),
    /// The setting has no model for such images.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The bytes are not the model's weights.
    #[error("weights: {0}")]
    Weights(#[from] TensorFileError),
}

/// The images that a model classifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Number of classes.
    pub classes: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A model with what is known of it.
#[derive(Clone, Debug)]
pub struct VerifiedModel {
    setting: Hyperparameters,
    architecture: Architecture,
    /// In the order of the layers, values as PyTorch orders them.
    tensors: Vec<(TensorSpec, Vec<f32>)>,
    provenance: Provenance,
}

impl VerifiedModel {
    /// The model of a setting with `weights` (safetensors bytes).
    ///
    /// # Errors
    /// There is no such model, or `weights` lack one of its tensors.
    pub fn read(
        setting: &Map<String, Value>,
        images: ImageShape,
        weights: &[u8],
        provenance: Provenance,
    ) -> Result<Self, ModelError> {
        let setting = Hyperparameters::from_json(setting)?;
        let ImageShape {
            classes,
            height,
            width,
        } = images;
        let architecture = Architecture::new(&setting, classes, height, width)?;
        let file = TensorFile::parse(weights)?;
        let with_values = |spec: TensorSpec| {
            let values = file.floats(&spec.name, &spec.shape)?;
            Ok((spec, values))
        };
        let specs = architecture.tensors().into_iter();
        let tensors = specs
            .map(with_values)
            .collect::<Result<_, TensorFileError>>()?;
        Ok(Self {
            setting,
            architecture,
            tensors,
            provenance,
        })
    }

    /// Its weights as safetensors, named and shaped as PyTorch would, with all that is known of it in
    /// the file's metadata.
    #[must_use]
    pub fn safetensors(&self) -> Vec<u8> {
        let mut metadata = self.metadata();
        // Loaders of PyTorch's look for this.
        metadata.insert("format", "pt".to_owned());
        tensors::with_metadata(&tensors::plain(&self.tensors), &metadata)
    }

    /// The model as ONNX: float images `[n, 1, height, width]` of brightnesses from 0 to 255 in,
    /// probabilities and logits `[n, classes]` out. It looks at one view of an image, whatever the
    /// setting.
    #[must_use]
    pub fn onnx(&self) -> Vec<u8> {
        onnx::encode(&self.architecture, &self.tensors, &self.metadata())
    }

    /// A page that classifies without a server: the built page `template` with this model in it.
    ///
    /// # Errors
    /// The template has no place for a model.
    pub fn page(&self, template: &str) -> Result<String, page::PageError> {
        let model = page::Model {
            setting: &self.setting,
            classes: self.architecture.classes(),
            height: self.architecture.height(),
            width: self.architecture.width(),
            metadata: self.metadata(),
            weights: page::encoded(&tensors::plain(&self.tensors)),
        };
        page::fill(template, &model)
    }

    fn metadata(&self) -> BTreeMap<&'static str, String> {
        metadata::entries(&self.provenance, &self.setting, &self.architecture)
    }
}
