//! Decides how each layer's arithmetic is done: loops over slices, forward and backward. It knows
//! nothing of tensors, gradient tapes or hyper-parameters, so that a kernel can be replaced without
//! touching anything else.
//!
//! The rules that make all processors agree to the bit, for every kernel here:
//! - lanes of a vector are different output elements; each output is summed in one fixed order,
//!   whatever the [`Width`](width::Width) of the vectors;
//! - no fused multiply-add (rustc never contracts), no `std` maths beyond `+ - * / sqrt`: `libm`;
//! - a NaN on the way in is never hidden on the way out, or divergence would go unnoticed.
//!
//! Images are kept channels-last, `[images, height, width, channels]`, so that the taps of one row
//! of a kernel lie side by side in memory.
//!
//! The files that run on vectors are the only ones in the project with `unsafe`: each checks the
//! lengths of its slices before it works with pointers into them.

pub mod activation;
pub mod batch_norm;
pub mod convolution;
pub mod cross_entropy;
pub mod depthwise;
pub mod matrix;
pub mod pointwise;
#[cfg(test)]
mod reference;
pub mod sparse;
pub mod sums;
mod tile;
mod transform;
pub mod update;
pub mod vector;
pub mod width;
pub mod winograd;
