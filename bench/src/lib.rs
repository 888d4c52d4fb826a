//! What benchmarks look at in the trainer, kernel by kernel, and what they compare it with: the
//! processor's own limit, and stock candle.
//!
//! One source for native code and for browsers. It knows no clock: whoever calls it measures the
//! time.

pub mod kernels;
pub mod peak;
pub mod stock;
mod wasm;
