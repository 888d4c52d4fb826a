//! Decides how a convolution of one position is computed: a matrix product whose sums get their bias
//! and are clipped before they are stored. Sums run over the channels in order, the bias comes last.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::matrix;
use super::tile::{self, Panels, ROWS};
use super::vector::Vector;
use super::width::{Width, with_width};

/// Where ReLU6 ends.
pub(super) const HIGHEST: f32 = 6.0;

/// Weights and biases of a layer, with ReLU6 behind it.
#[derive(Clone, Debug)]
pub struct Pointwise {
    panels: Panels,
    /// Filled up with zeros to whole blocks.
    bias: Vec<f32>,
}

impl Pointwise {
    /// A layer with `weights` `[bias.len(), channels_in]`.
    ///
    /// # Panics
    /// If there are more or fewer, or none.
    #[must_use]
    pub fn new(width: Width, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let depth = weights.len() / outputs;
        let mut panels = Panels::new(width.fitting(outputs), outputs, depth);
        panels.pack_rows(weights);
        let mut bias = bias.to_vec();
        bias.resize(panels.columns(), 0.0);
        Self { panels, bias }
    }

    /// Channels that come in.
    #[must_use]
    pub fn channels_in(&self) -> usize {
        self.panels.depth()
    }

    /// Channels that go out.
    #[must_use]
    pub fn channels_out(&self) -> usize {
        self.panels.outputs()
    }

    /// From `[positions, channels_in]` to `[positions, channels_out]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn apply(&self, input: &[f32], output: &mut [f32]) {
        apply(self.panels.width(), &self.panels, &self.bias, input, output);
    }
}

with_width! {
    fn apply(panels: &Panels, bias: &[f32], input: &[f32], output: &mut [f32]) = apply_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn apply_with<V: Vector>(panels: &Panels, bias: &[f32], input: &[f32], output: &mut [f32]) {
    let (depth, columns) = (panels.depth(), panels.outputs());
    let rows = input.len() / depth;
    assert_eq!(input.len(), rows * depth);
    assert_eq!(output.len(), rows * columns);
    assert_eq!(panels.width().lanes(), V::LANES);
    let blocks = panels.values().chunks_exact(2 * V::LANES * depth);
    for (block, (panel, bias)) in blocks.zip(bias.chunks_exact(2 * V::LANES)).enumerate() {
        let first_column = block * 2 * V::LANES;
        for first_row in (0..rows).step_by(ROWS) {
            // Past the last row the last is computed again, and dropped.
            let row =
                |row: usize| input[(first_row + row).min(rows - 1) * depth..][..depth].as_ptr();
            let pointers = [row(0), row(1), row(2), row(3)];
            // SAFETY: each pointer is to `depth` values, the panel has two vectors for each; and the
            // caller vouches for the processor.
            let tile =
                unsafe { tile::accumulate::<V>(tile::zeros(), pointers, panel.as_ptr(), depth) };
            for (row, sums) in tile.into_iter().enumerate().take(rows - first_row) {
                let target = &mut output[(first_row + row) * columns..][first_column..columns];
                // SAFETY: the caller vouches for the processor.
                unsafe { matrix::store(finished(sums, bias), target) };
            }
        }
    }
}

/// Sums with their biases, clipped.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn finished<V: Vector>(sums: [V; 2], bias: &[f32]) -> [V; 2] {
    assert_eq!(bias.len(), 2 * V::LANES);
    // SAFETY: there are two vectors of biases; the caller vouches for the processor.
    unsafe {
        let highest = V::splat(HIGHEST);
        let bias = [V::load(bias.as_ptr()), V::load(bias.as_ptr().add(V::LANES))];
        [
            sums[0].add(bias[0]).relu().at_most(highest),
            sums[1].add(bias[1]).relu().at_most(highest),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{at_every_width, bits, values};
    use super::*;

    fn plain(input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let depth = weights.len() / bias.len();
        let mut output = Vec::new();
        for position in input.chunks_exact(depth) {
            for (weights, bias) in weights.chunks_exact(depth).zip(bias) {
                let mut sum = 0.0;
                for (value, weight) in position.iter().zip(weights) {
                    sum += value * weight;
                }
                output.push((sum + bias).clamp(0.0, HIGHEST));
            }
        }
        output
    }

    #[test]
    fn each_output_is_a_sum_in_order_clipped() {
        for (rows, depth, columns) in [(1, 1, 1), (4, 8, 16), (7, 5, 13), (36, 27, 24), (3, 9, 70)]
        {
            let scaled = |count, seed, by: f32| -> Vec<f32> {
                values(count, seed).iter().map(|value| value * by).collect()
            };
            let (input, bias) = (scaled(rows * depth, 1, 4.0), scaled(columns, 3, 4.0));
            let weights = scaled(columns * depth, 2, 12.0);
            let expected = plain(&input, &weights, &bias);
            let found = at_every_width(|width| {
                let mut output = vec![f32::NAN; rows * columns];
                Pointwise::new(width, &weights, &bias).apply(&input, &mut output);
                output
            });
            assert!(bits(&found).eq(bits(&expected)), "{rows} {depth} {columns}");
            let clipped = |value: &&f32| **value == HIGHEST;
            assert!(rows < 30 || expected.iter().filter(clipped).count() > 9);
        }
    }
}
