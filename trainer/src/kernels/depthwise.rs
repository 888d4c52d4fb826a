//! Decides how a 3×3 convolution of each channel by itself is computed, padded as TensorFlow's SAME,
//! with bias and ReLU6. Sums run over the taps in reading order, those outside of the image left out,
//! and the bias comes last.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use std::ops::Range;

use super::pointwise::HIGHEST;
use super::vector::{Single, Vector};
use super::width::{Width, with_width};

/// Rows and columns of a kernel.
const SIDE: usize = 3;

/// How large images are, and how far apart the positions of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Rows, and columns, from one position to the next: 1 or 2.
    pub stride: usize,
}

impl Grid {
    /// Rows of positions.
    #[must_use]
    pub fn output_height(&self) -> usize {
        self.height.div_ceil(self.stride)
    }

    /// Columns of positions.
    #[must_use]
    pub fn output_width(&self) -> usize {
        self.width.div_ceil(self.stride)
    }

    /// Rows of zeros above an image: of an odd number, the greater part is below.
    #[must_use]
    pub fn above(&self) -> usize {
        padding_before(self.height, self.stride)
    }

    /// Columns of zeros before an image.
    #[must_use]
    pub fn before(&self) -> usize {
        padding_before(self.width, self.stride)
    }
}

fn padding_before(length: usize, stride: usize) -> usize {
    let covered = (length.div_ceil(stride) - 1) * stride + SIDE;
    covered.saturating_sub(length) / 2
}

/// Weights and biases of a layer, with ReLU6 behind it.
#[derive(Clone, Debug)]
pub struct Depthwise {
    width: Width,
    /// `[9, channels]`.
    taps: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// A layer with `weights` `[bias.len(), 3, 3]`.
    ///
    /// # Panics
    /// If there are more or fewer.
    #[must_use]
    pub fn new(width: Width, weights: &[f32], bias: &[f32]) -> Self {
        assert_eq!(weights.len(), SIDE * SIDE * bias.len());
        let mut taps = vec![0.0; weights.len()];
        super::matrix::transpose(weights, SIDE * SIDE, &mut taps);
        Self {
            width: width.dividing(bias.len()),
            taps,
            bias: bias.to_vec(),
        }
    }

    /// Channels, in and out.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// Some `rows` of positions `[rows, output_width, channels]` of an image `[height, width,
    /// channels]`.
    ///
    /// # Panics
    /// If a length does not fit, or the stride is neither 1 nor 2.
    pub fn apply(&self, grid: Grid, image: &[f32], rows: Range<usize>, output: &mut [f32]) {
        apply(self.width, self, grid, image, rows, output);
    }
}

with_width! {
    fn apply(
        layer: &Depthwise,
        grid: Grid,
        image: &[f32],
        rows: Range<usize>,
        output: &mut [f32],
    ) = apply_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn apply_with<V: Vector>(
    layer: &Depthwise,
    grid: Grid,
    image: &[f32],
    rows: Range<usize>,
    output: &mut [f32],
) {
    let channels = layer.channels();
    assert_eq!(image.len(), grid.height * grid.width * channels);
    assert!(rows.end <= grid.output_height());
    let stride = grid.output_width() * channels;
    assert_eq!(output.len(), rows.len() * stride);
    for (row, output) in rows.zip(output.chunks_exact_mut(stride)) {
        let row = Row {
            layer,
            image,
            width: grid.width,
            channels,
            first: (row * grid.stride) as isize - grid.above() as isize,
            height: grid.height,
        };
        // SAFETY: the caller vouches for the processor.
        unsafe {
            match grid.stride {
                1 => row.apply::<V, 1, 4, 6>(grid.before(), output),
                2 => row.apply::<V, 2, 2, 5>(grid.before(), output),
                stride => panic!("a stride of {stride}"),
            }
        }
    }
}

/// A row of positions and the rows of an image under it.
struct Row<'a> {
    layer: &'a Depthwise,
    image: &'a [f32],
    width: usize,
    height: usize,
    channels: usize,
    /// Which row of the image is under the kernel's first; above the image, one before 0.
    first: isize,
}

impl Row<'_> {
    /// All positions: where a kernel lies inside of the image, `POSITIONS` of them at a time, which
    /// look at `VALUES` columns together.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn apply<V: Vector, const STRIDE: usize, const POSITIONS: usize, const VALUES: usize>(
        &self,
        before: usize,
        output: &mut [f32],
    ) {
        let positions = output.len() / self.channels;
        let inside = |position: usize, count: usize| {
            position * STRIDE >= before
                && (position + count - 1) * STRIDE + SIDE - before <= self.width
        };
        let mut position = 0;
        while position < positions {
            let first = (position * STRIDE) as isize - before as isize;
            let target = &mut output[position * self.channels..];
            // SAFETY: the caller vouches for the processor; at the first two, `inside` says that
            // the columns are there.
            unsafe {
                if position + POSITIONS <= positions && inside(position, POSITIONS) {
                    let first = first as usize;
                    self.inside::<V, STRIDE, POSITIONS, VALUES>(first, target);
                    position += POSITIONS;
                } else if inside(position, 1) {
                    self.inside::<V, STRIDE, 1, SIDE>(first as usize, target);
                    position += 1;
                } else {
                    self.at_edge::<V>(first, target);
                    position += 1;
                }
            }
        }
    }

    /// Rows of the kernel that lie in the image.
    #[inline(always)]
    fn kernel_rows(&self) -> Range<usize> {
        inside(self.first, self.height)
    }

    /// # Safety
    /// As [`Vector`]; the columns from `first`, `VALUES` of them, must be in the image.
    #[inline(always)]
    unsafe fn inside<
        V: Vector,
        const STRIDE: usize,
        const POSITIONS: usize,
        const VALUES: usize,
    >(
        &self,
        first: usize,
        output: &mut [f32],
    ) {
        assert!(first + VALUES <= self.width && output.len() >= POSITIONS * self.channels);
        let vectors = self.channels / V::LANES * V::LANES;
        // SAFETY: the columns are there, and so are channels up to the last; the caller vouches for
        // the processor.
        unsafe {
            for channel in (0..vectors).step_by(V::LANES) {
                self.sums::<V, STRIDE, POSITIONS, VALUES>(first, channel, output);
            }
            for channel in vectors..self.channels {
                self.sums::<Single, STRIDE, POSITIONS, VALUES>(first, channel, output);
            }
        }
    }

    /// # Safety
    /// As [`Row::inside`]; a vector of channels from `channel` on must be there.
    #[inline(always)]
    unsafe fn sums<V: Vector, const STRIDE: usize, const POSITIONS: usize, const VALUES: usize>(
        &self,
        first: usize,
        channel: usize,
        output: &mut [f32],
    ) {
        // SAFETY: rows are those in the image, columns and channels as the caller vouches for.
        unsafe {
            let mut sums = [V::splat(0.0); POSITIONS];
            for kernel_row in self.kernel_rows() {
                let row = (self.first + kernel_row as isize) as usize;
                let place = (row * self.width + first) * self.channels + channel;
                let from = self.image.as_ptr().add(place);
                let mut values = [V::splat(0.0); VALUES];
                for (column, value) in values.iter_mut().enumerate() {
                    *value = V::load(from.add(column * self.channels));
                }
                for column in 0..SIDE {
                    let tap = (kernel_row * SIDE + column) * self.channels + channel;
                    let weight = V::load(self.layer.taps.as_ptr().add(tap));
                    for (position, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(values[position * STRIDE + column].mul(weight));
                    }
                }
            }
            for (position, sum) in sums.into_iter().enumerate() {
                let target = output.as_mut_ptr().add(position * self.channels + channel);
                self.finished(sum, channel).store(target);
            }
        }
    }

    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn at_edge<V: Vector>(&self, first: isize, output: &mut [f32]) {
        assert!(output.len() >= self.channels);
        let vectors = self.channels / V::LANES * V::LANES;
        // SAFETY: a vector of channels is there each time; the caller vouches for the processor.
        unsafe {
            for channel in (0..vectors).step_by(V::LANES) {
                self.sum_at_edge::<V>(first, channel, output);
            }
            for channel in vectors..self.channels {
                self.sum_at_edge::<Single>(first, channel, output);
            }
        }
    }

    /// # Safety
    /// As [`Vector`]; a vector of channels from `channel` on must be there.
    #[inline(always)]
    unsafe fn sum_at_edge<V: Vector>(&self, first: isize, channel: usize, output: &mut [f32]) {
        // SAFETY: rows and columns are those in the image, channels as the caller vouches for.
        unsafe {
            let mut sum = V::splat(0.0);
            for kernel_row in self.kernel_rows() {
                let row = (self.first + kernel_row as isize) as usize;
                for column in inside(first, self.width) {
                    let value = row * self.width + (first + column as isize) as usize;
                    let value = self.image.as_ptr().add(value * self.channels + channel);
                    let tap = (kernel_row * SIDE + column) * self.channels + channel;
                    let weight = V::load(self.layer.taps.as_ptr().add(tap));
                    sum = sum.add(V::load(value).mul(weight));
                }
            }
            let target = output.as_mut_ptr().add(channel);
            self.finished(sum, channel).store(target);
        }
    }

    /// # Safety
    /// As [`Vector`]; a vector of channels from `channel` on must be there.
    #[inline(always)]
    unsafe fn finished<V: Vector>(&self, sum: V, channel: usize) -> V {
        // SAFETY: there is a bias for each channel.
        unsafe {
            let bias = V::load(self.layer.bias.as_ptr().add(channel));
            sum.add(bias).relu().at_most(V::splat(HIGHEST))
        }
    }
}

/// Which of a kernel's rows, the first of which lies at `first`, are among `length`.
#[inline(always)]
fn inside(first: isize, length: usize) -> Range<usize> {
    let start = (-first).max(0) as usize;
    let end = (length as isize - first).min(SIDE as isize) as usize;
    start..end
}

#[cfg(test)]
mod tests {
    use super::super::reference::{at_every_width, bits, values};
    use super::*;

    /// By the definition: padded, tap by tap.
    fn plain(grid: Grid, image: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let mut output = Vec::new();
        let bias_count = bias.len();
        let inside = |at: isize, length: usize| (0..length as isize).contains(&at);
        for position in 0..grid.output_height() * grid.output_width() {
            let down = position / grid.output_width() * grid.stride;
            let right = position % grid.output_width() * grid.stride;
            for (channel, bias) in bias.iter().enumerate() {
                let mut sum = 0.0;
                for tap in 0..SIDE * SIDE {
                    let row = (down + tap / SIDE) as isize - grid.above() as isize;
                    let column = (right + tap % SIDE) as isize - grid.before() as isize;
                    if inside(row, grid.height) && inside(column, grid.width) {
                        let place = row as usize * grid.width + column as usize;
                        let weight = weights[channel * SIDE * SIDE + tap];
                        sum += image[place * bias_count + channel] * weight;
                    }
                }
                output.push((sum + bias).clamp(0.0, HIGHEST));
            }
        }
        output
    }

    fn check(grid: Grid, channels: usize) {
        let scaled = |count, seed| -> Vec<f32> {
            values(count, seed)
                .iter()
                .map(|value| value * 5.0)
                .collect()
        };
        let image = scaled(grid.height * grid.width * channels, 1);
        let (weights, bias) = (scaled(9 * channels, 2), scaled(channels, 3));
        let expected = plain(grid, &image, &weights, &bias);
        let found = at_every_width(|width| {
            let layer = Depthwise::new(width, &weights, &bias);
            let mut output = vec![f32::NAN; expected.len()];
            let row = grid.output_width() * channels;
            // In two parts.
            let (upper, lower) = output.split_at_mut(row);
            layer.apply(grid, &image, 0..1, upper);
            layer.apply(grid, &image, 1..grid.output_height(), lower);
            output
        });
        assert!(bits(&found).eq(bits(&expected)), "{grid:?}, {channels}");
    }

    #[test]
    fn each_output_is_a_sum_over_the_taps_inside() {
        for stride in [1, 2] {
            for (height, width) in [(1, 1), (1, 5), (2, 2), (3, 4), (6, 6), (7, 9), (12, 13)] {
                for channels in [1, 3, 8, 24, 32] {
                    check(
                        Grid {
                            height,
                            width,
                            stride,
                        },
                        channels,
                    );
                }
            }
        }
    }

    #[test]
    fn padding_is_tensorflows() {
        let before = |length, stride| {
            Grid {
                height: length,
                width: length,
                stride,
            }
            .above()
        };
        assert_eq!([before(6, 1), before(7, 1), before(1, 1)], [1, 1, 1]);
        assert_eq!([before(6, 2), before(7, 2), before(1, 2)], [0, 1, 1]);
    }
}
