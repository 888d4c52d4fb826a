//! What a worker computes: from training images, hyper-parameters and a seed to weights, bit for bit.
//!
//! The same code runs native and in WebAssembly. It knows no clock, network, file, thread or
//! entropy: data comes in as bytes, randomness as a seed, and the caller decides how many units of
//! work ([`Training::advance`]) fit its time slice.
//!
//! A trial flows through the files in this order: [`hyperparameters`]; [`images`], shown in
//! [`batches`]; [`architecture`] and [`lenet`], a [`network`] of layers, which call [`kernels`];
//! [`optimizer`] with its [`schedule`]; [`evaluation`]; [`checkpoint`]. [`training`] drives them, and
//! [`model`] reads finished weights back.
//!
//! # Determinism
//! Equal inputs give equal bits on every processor: all floating-point work on the way to a weight
//! or a score is done by [`kernels`] with a fixed order of accumulation and by `libm`, never by a
//! platform's maths library or a fused multiply-add.

pub mod architecture;
pub mod batches;
pub mod checkpoint;
pub mod evaluation;
pub mod hyperparameters;
pub mod images;
pub mod kernels;
pub mod lenet;
pub mod model;
pub mod network;
pub mod optimizer;
pub mod philox;
pub mod schedule;
mod shift;
pub mod tensor_file;
pub mod training;
mod warp;

pub use architecture::ArchitectureError;
pub use checkpoint::{CheckpointError, sha256_hex};
pub use hyperparameters::{HyperparameterError, Hyperparameters, OptimizerKind, ScheduleKind};
pub use images::{DataError, ImageSet, TrainingData};
pub use model::{Model, ModelError};
pub use tensor_file::TensorFileError;
pub use training::{EpochFigures, Mistake, Progress, Training, TrainingError};

/// The version of the numeric contract: it changes whenever the same inputs would give other bits.
///
/// Trials of different versions can't be compared by hash or resumed from each other's checkpoints.
pub const NUMERICS_VERSION: u32 = 2;
