//! What benchmarks compare the trainer with: the processor's own limit.
//!
//! One source for native code and for browsers. It knows no clock and no data: whoever calls it
//! measures the time.

pub mod peak;
mod wasm;
