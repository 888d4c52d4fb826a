//! What the trainer promises to those who call it, tested from outside.

mod fixtures;
mod hostile_bytes;
mod learning;
mod pytorch;
mod resumption;
