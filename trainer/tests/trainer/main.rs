//! What the trainer promises to those who call it, tested from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod fixtures;
mod golden;
mod hostile_bytes;
mod learning;
mod pytorch;
mod resumption;
