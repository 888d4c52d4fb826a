//! What the trainer promises to those who call it, tested from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod divergence;
mod fixtures;
mod golden;
mod gradients;
mod hostile_bytes;
mod learning;
mod pytorch;
mod reference;
mod resumption;
