//! Decides how the first layer is computed: the taps under each position laid side by side, a row of
//! positions at a time, and then as any other product.

use tabsweep_trainer::kernels::depthwise::Grid;
use tabsweep_trainer::kernels::pointwise::Pointwise;
use tabsweep_trainer::kernels::width::Width;

/// Rows and columns of the kernel.
const SIDE: usize = 3;

/// A 3×3 convolution over all channels, with bias and ReLU6, padded as TensorFlow's SAME.
#[derive(Clone, Debug)]
pub(crate) struct Stem {
    grid: Grid,
    channels: usize,
    taps: Pointwise,
    /// `[output_width, 9 · channels]`, kept from row to row.
    row: Vec<f32>,
}

impl Stem {
    /// A layer with `weights` `[bias.len(), channels, 3, 3]`.
    pub(crate) fn new(grid: Grid, channels: usize, weights: &[f32], bias: &[f32]) -> Self {
        let depth = SIDE * SIDE * channels;
        let mut ordered = Vec::with_capacity(weights.len());
        for of_output in weights.chunks_exact(depth) {
            for at in 0..depth {
                let (tap, channel) = (at / channels, at % channels);
                ordered.push(of_output[channel * SIDE * SIDE + tap]);
            }
        }
        Self {
            grid,
            channels,
            taps: Pointwise::new(Width::widest(), &ordered, bias),
            row: vec![0.0; grid.output_width() * depth],
        }
    }

    /// Values that go out.
    pub(crate) fn output_len(&self) -> usize {
        self.grid.output_height() * self.grid.output_width() * self.taps.channels_out()
    }

    /// From `[height, width, channels]` to `[output_height, output_width, channels_out]`.
    pub(crate) fn apply(&mut self, image: &[f32], output: &mut [f32]) {
        let row = self.grid.output_width() * self.taps.channels_out();
        for (position, output) in output.chunks_exact_mut(row).enumerate() {
            self.lay(image, position);
            self.taps.apply(&self.row, output);
        }
    }

    /// Lays the taps of a row of positions side by side: zeros where they are outside of the image.
    fn lay(&mut self, image: &[f32], position: usize) {
        let (grid, channels) = (self.grid, self.channels);
        let stride = grid.width * channels;
        let positions = self.row.chunks_exact_mut(SIDE * SIDE * channels);
        for (column, taps) in positions.enumerate() {
            let first = (column * grid.stride) as isize - grid.before() as isize;
            let skipped = (-first).max(0) as usize;
            let start = first.max(0) as usize;
            let count = (SIDE - skipped).min(grid.width - start);
            for (down, taps) in taps.chunks_exact_mut(SIDE * channels).enumerate() {
                taps.fill(0.0);
                let row = (position * grid.stride + down).checked_sub(grid.above());
                let Some(row) = row.filter(|&row| row < grid.height) else {
                    continue;
                };
                let source = &image[row * stride + start * channels..][..count * channels];
                taps[skipped * channels..][..source.len()].copy_from_slice(source);
            }
        }
    }
}
