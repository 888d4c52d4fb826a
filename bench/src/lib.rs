//! What benchmarks compare the trainer with: the processor's own limit, and stock
//! candle.
//!
//! One source for native code and for browsers. It knows no clock: whoever calls it measures the
//! time.

pub mod peak;
pub mod stock;
mod wasm;
