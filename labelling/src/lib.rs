//! What a worker computes for a labelling job: from encoded pictures and a model to labels, bit for
//! bit. The server computes the same where it checks.
//!
//! It knows no clock, network or file: the caller decides how many units of work
//! ([`Labelling::advance`], [`Labeller::advance`]) fit its time slice.

mod classifier;
mod labeller;
mod labelling;

pub use classifier::{Classifier, ClassifierError};
pub use labeller::{ChunkFiles, Labeller, LabellerError};
pub use labelling::{Labelling, LabellingError};
