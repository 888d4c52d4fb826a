//! What leaves the server for other tools: a verified trial's model, and a study's trials. Bytes in,
//! bytes out: it knows no files, network, clock or database, and the same input gives the same bytes.
//!
//! A model becomes weights with their [`Provenance`] for safetensors, a graph for ONNX, or a page that
//! classifies without a server ([`VerifiedModel`]). Trials become a table, lines of JSON, or Optuna's
//! journal ([`TrialWriter`]).

mod csv_table;
mod json_lines;
mod metadata;
mod model;
mod onnx;
mod optuna_journal;
mod page;
mod record;
mod tensors;
mod trial_writer;

pub use metadata::{DataSource, Provenance};
pub use model::{ImageShape, ModelError, VerifiedModel};
pub use onnx::{INPUT, LOGITS, OPSET, PROBABILITIES};
pub use page::PageError;
pub use record::{EpochRecord, TrialRecord};
pub use trial_writer::{ExportedStudy, TrialFormat, TrialWriter};
