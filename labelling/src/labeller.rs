//! A worker's labelling, from chunk to chunk: it keeps the model used last, and works in slices. Who
//! fetches, and when a slice is over, only the caller knows.

use tabsweep_protocol::{LabelLease, LabelModel};
use thiserror::Error;

use crate::{Classifier, ClassifierError, Labelling, LabellingError};

/// What a chunk needs, fetched.
#[derive(Clone, Debug)]
pub struct ChunkFiles {
    /// The model's files in their order; none where the labeller has the model.
    pub model: Option<Vec<Vec<u8>>>,
    /// The pictures.
    pub pack: Vec<u8>,
}

/// Why a chunk can't be labelled here.
#[derive(Debug, Error)]
pub enum LabellerError {
    /// The model can't be used.
    #[error(transparent)]
    Model(#[from] ClassifierError),
    /// No files came, and the model used last is another.
    #[error("the model is missing")]
    NoModel,
    /// The pictures can't be taken apart or looked at.
    #[error(transparent)]
    Pictures(#[from] LabellingError),
}

/// A worker's model and the pictures that it labels.
#[derive(Debug, Default)]
pub struct Labeller {
    /// The model used last: jobs have many chunks.
    model: Option<(LabelModel, Classifier)>,
    labelling: Option<Labelling>,
}

impl Labeller {
    /// Whether this model need not be fetched.
    pub fn has_model(&self, model: &LabelModel) -> bool {
        matches!(&self.model, Some((known, _)) if known == model)
    }

    /// Begins with a chunk.
    ///
    /// # Errors
    /// Its files are not what the lease says.
    pub fn begin(&mut self, lease: &LabelLease, files: ChunkFiles) -> Result<(), LabellerError> {
        if let Some(model) = files.model {
            let classifier = Classifier::new(&lease.model, &model)?;
            self.model = Some((lease.model.clone(), classifier));
        }
        if !self.has_model(&lease.model) {
            return Err(LabellerError::NoModel);
        }
        let (pictures, top) = (lease.pictures as usize, lease.top as usize);
        self.labelling = Some(Labelling::new(files.pack, pictures, top)?);
        Ok(())
    }

    /// Labels for as long as `has_time` says so, which is asked before each unit of work; how many
    /// pictures of the chunk have their answer then.
    ///
    /// # Errors
    /// The model failed where it should not.
    pub fn advance(&mut self, has_time: impl Fn() -> bool) -> Result<u32, LabellerError> {
        let (Some(labelling), Some((_, classifier))) = (&mut self.labelling, &mut self.model)
        else {
            return Ok(0);
        };
        while !labelling.is_done() && has_time() {
            labelling.advance(classifier)?;
        }
        Ok(labelling.labelled() as u32)
    }

    /// The chunk's answers, as they are uploaded.
    pub fn answers(&self) -> Option<Vec<u8>> {
        let labelling = self.labelling.as_ref()?;
        Some(labelling.answers().encode())
    }

    /// Lets go of the chunk; the model stays.
    pub fn forget(&mut self) {
        self.labelling = None;
    }
}
