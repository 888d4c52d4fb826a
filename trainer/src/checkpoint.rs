//! Decides what is kept of a trial in progress: weights, moments, step and running loss, and a
//! fingerprint that tells whose they are. It does not know where checkpoints are stored.

use safetensors::Dtype;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::NUMERICS_VERSION;
use crate::architecture::{ArchitectureError, TensorSpec};
use crate::hyperparameters::Hyperparameters;
use crate::images::TrainingData;
use crate::lenet::LeNet;
use crate::optimizer::{Moments, moment_names};
use crate::tensor_file::{Entry, TensorFile, TensorFileError, serialize};

/// Why a trial can't go on from a checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The setting has no model for the data.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The bytes are not a checkpoint of this setting.
    #[error("checkpoint: {0}")]
    File(#[from] TensorFileError),
    /// The checkpoint is of another setting, seed, data set or version of the arithmetic.
    #[error("checkpoint of another trial: its fingerprint is {found}, expected {expected}")]
    OtherTrial {
        /// The checkpoint's fingerprint, in hexadecimal.
        found: String,
        /// This trial's, likewise.
        expected: String,
    },
    /// The checkpoint has gone further than the trial goes.
    #[error("checkpoint at step {found} of a trial of {total_steps} steps")]
    Step {
        /// Steps it says were done.
        found: i64,
        /// Steps the trial has.
        total_steps: u64,
    },
    /// A running loss that can't be.
    #[error("checkpoint with a summed loss of {found}")]
    LossSum {
        /// The sum found.
        found: f64,
    },
    /// Candle failed where it should not.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Tells trials apart: SHA-256 over setting, seed, data and version of the arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a trial.
    #[must_use]
    pub fn new(hyperparameters: &Hyperparameters, seed: u64, data: &TrainingData) -> Self {
        let setting = serde_json::to_vec(hyperparameters).expect("numbers and names are JSON");
        let mut digest = Sha256::new();
        digest.update(NUMERICS_VERSION.to_le_bytes());
        digest.update(seed.to_le_bytes());
        digest.update(data.digest());
        digest.update(setting);
        Self(digest.finalize().into())
    }
}

/// What a checkpoint says beside the model's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Sum over the images of the current epoch of their batch's mean loss.
    pub loss_sum: f64,
    /// What the optimiser remembers.
    pub moments: Moments,
}

const FINGERPRINT: &str = "fingerprint";
const LOSS_SUM: &str = "loss_sum";
const STEP: &str = "step";

/// A checkpoint's bytes: the same trial at the same step gives the same.
///
/// # Errors
/// If a weight can't be read, which would be a fault of candle's.
pub fn write(
    model: &LeNet,
    state: &State,
    fingerprint: Fingerprint,
    hyperparameters: &Hyperparameters,
) -> candle_core::Result<Vec<u8>> {
    let tensors = model.tensors()?;
    let names = moment_names(hyperparameters.optimizer);
    let mut entries = weight_entries(&tensors);
    let mut start = 0;
    for (spec, _) in tensors.iter().filter(|(spec, _)| spec.is_trained()) {
        let range = start..start + spec.count();
        for (kind, moments) in names.iter().zip(&state.moments) {
            let values = spec.ordered_for_files(moments[range.clone()].to_vec());
            entries.push(Entry::floats(moment_name(kind, spec), &spec.shape, &values));
        }
        start = range.end;
    }
    let step = i64::try_from(state.step).expect("no trial has 2⁶³ steps");
    entries.push(scalar(STEP, Dtype::I64, &step.to_le_bytes()));
    entries.push(scalar(LOSS_SUM, Dtype::F64, &state.loss_sum.to_le_bytes()));
    entries.push(Entry {
        name: FINGERPRINT.to_owned(),
        dtype: Dtype::U8,
        shape: vec![32],
        bytes: fingerprint.0.to_vec(),
    });
    Ok(serialize(&entries))
}

fn scalar(name: &str, dtype: Dtype, bytes: &[u8]) -> Entry {
    Entry {
        name: name.to_owned(),
        dtype,
        shape: vec![1],
        bytes: bytes.to_vec(),
    }
}

fn moment_name(kind: &str, spec: &TensorSpec) -> String {
    format!("optimizer.{kind}.{}", spec.name)
}

/// A model's tensors as they are written into weights and checkpoints.
#[must_use]
pub fn weight_entries(tensors: &[(TensorSpec, Vec<f32>)]) -> Vec<Entry> {
    let entry =
        |(spec, values): &(TensorSpec, Vec<f32>)| Entry::floats(&spec.name, &spec.shape, values);
    tensors.iter().map(entry).collect()
}

/// A checkpoint whose header has been read and whose fingerprint is this trial's.
pub struct Checkpoint<'a> {
    file: TensorFile<'a>,
}

impl<'a> Checkpoint<'a> {
    /// Reads the header and compares the fingerprint.
    ///
    /// # Errors
    /// If the bytes are no checkpoint or another trial's.
    pub fn parse(bytes: &'a [u8], expected: Fingerprint) -> Result<Self, CheckpointError> {
        let file = TensorFile::parse(bytes)?;
        let found = file.bytes(FINGERPRINT, Dtype::U8, &[32])?;
        if found != expected.0 {
            return Err(CheckpointError::OtherTrial {
                found: hex(found),
                expected: hex(&expected.0),
            });
        }
        Ok(Self { file })
    }

    /// The values of one of the model's tensors.
    ///
    /// # Errors
    /// If it is missing, of another type or shape, or not finite.
    pub fn values(&self, spec: &TensorSpec) -> Result<Vec<f32>, CheckpointError> {
        Ok(self.file.floats(&spec.name, &spec.shape)?)
    }

    /// Everything else, for a model of the tensors `specs`.
    ///
    /// # Errors
    /// If a tensor is missing, superfluous, of another type or shape or not finite, or the step lies
    /// beyond `total_steps`.
    pub fn state(
        &self,
        specs: &[TensorSpec],
        hyperparameters: &Hyperparameters,
        total_steps: u64,
    ) -> Result<State, CheckpointError> {
        let kinds = moment_names(hyperparameters.optimizer);
        let trained: Vec<&TensorSpec> = specs.iter().filter(|spec| spec.is_trained()).collect();
        self.file.refuse_unexpected(|name| {
            let is_moment =
                |spec: &&TensorSpec| kinds.iter().any(|kind| moment_name(kind, spec) == name);
            [FINGERPRINT, LOSS_SUM, STEP].contains(&name)
                || specs.iter().any(|spec| spec.name == name)
                || trained.iter().any(is_moment)
        })?;
        let of_tensor = |kind: &str, spec: &TensorSpec| {
            let values = self.file.floats(&moment_name(kind, spec), &spec.shape)?;
            Ok::<_, TensorFileError>(spec.ordered_for_memory(values))
        };
        let of_kind = |kind: &&str| {
            let tensors = trained.iter().map(|spec| of_tensor(kind, spec));
            Ok::<_, TensorFileError>(tensors.collect::<Result<Vec<_>, _>>()?.concat())
        };
        Ok(State {
            step: self.step(total_steps)?,
            loss_sum: self.loss_sum()?,
            moments: kinds.iter().map(of_kind).collect::<Result<_, _>>()?,
        })
    }

    fn step(&self, total_steps: u64) -> Result<u64, CheckpointError> {
        let found = i64::from_le_bytes(self.word(STEP, Dtype::I64)?);
        u64::try_from(found)
            .ok()
            .filter(|&step| step <= total_steps)
            .ok_or(CheckpointError::Step { found, total_steps })
    }

    fn loss_sum(&self) -> Result<f64, CheckpointError> {
        let found = f64::from_le_bytes(self.word(LOSS_SUM, Dtype::F64)?);
        if found.is_finite() {
            Ok(found)
        } else {
            Err(CheckpointError::LossSum { found })
        }
    }

    fn word(&self, name: &str, dtype: Dtype) -> Result<[u8; 8], TensorFileError> {
        let bytes = self.file.bytes(name, dtype, &[1])?;
        Ok(bytes
            .try_into()
            .expect("one 64-bit value was checked to be there"))
    }
}

/// SHA-256 of `bytes` in lower-case hexadecimal: how weights and checkpoints are addressed.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
