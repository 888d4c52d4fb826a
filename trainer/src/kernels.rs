//! Decides how each layer's arithmetic is done: plain loops over slices, forward and backward.
//! It knows nothing of tensors, gradient tapes or hyper-parameters, so that a kernel can be replaced
//! without touching anything else.
//!
//! The rules that make native and WebAssembly agree to the bit, for every kernel here:
//! - lanes of a vector are different output elements; each output is summed in one fixed order;
//! - no fused multiply-add (rustc never contracts), no `std` maths beyond `+ - * / sqrt`: `libm`;
//! - a NaN on the way in is never hidden on the way out, or divergence would go unnoticed.
//!
//! Images are kept channels-last, `[images, height, width, channels]`, so that the taps of one row
//! of a kernel lie side by side in memory.

pub mod activation;
pub mod batch_norm;
pub mod convolution;
pub mod cross_entropy;
pub mod matrix;
pub mod update;

/// Outputs computed side by side: two 128-bit vectors.
pub const LANES: usize = 8;

/// The sum of each column of the row-major `values`, `columns` wide, rows in order.
#[must_use]
pub fn column_sums(values: &[f32], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0_f64; columns];
    for row in values.chunks_exact(columns) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    sums
}

/// As [`column_sums`], rounded to single precision: the gradient of a bias.
#[must_use]
pub fn bias_gradient(gradient: &[f32], columns: usize) -> Vec<f32> {
    column_sums(gradient, columns)
        .into_iter()
        .map(|sum| sum as f32)
        .collect()
}
