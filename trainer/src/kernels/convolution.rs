//! Decides how a valid convolution followed by a 2×2 max-pool is computed: its sizes, and the
//! forward pass tap by tap. [`winograd`](super::winograd) has the other forward pass, and
//! [`sparse`](super::sparse) both gradients.
//!
//! Convolution and pool are one kernel because a register tile of 2×2 positions by two vectors of
//! channels is exactly one pool window, and because only the position that won its window gets a
//! gradient: going backward, three quarters of the convolution's outputs are skipped exactly.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::matrix::{MOST_LANES, store};
use super::tile::{self, Panels, Tile};
use super::vector::Vector;
use super::width::{Width, with_width};

/// The sizes of one layer, in elements. Images are channels-last, `[images, height, width,
/// channels]`, so that the taps of one row of a kernel lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of an input image.
    pub channels_in: usize,
    /// Channels of an output image.
    pub channels_out: usize,
    /// Rows and columns of the kernel: 3 or 5.
    pub kernel: usize,
    /// Whether a 2×2 max-pool follows.
    pub pool: bool,
}

impl Shape {
    /// Rows of the convolution's result.
    pub(super) fn convolved_height(&self) -> usize {
        self.height + 1 - self.kernel
    }

    /// Columns of the convolution's result.
    pub(super) fn convolved_width(&self) -> usize {
        self.width + 1 - self.kernel
    }

    /// Rows of an output image; the pool leaves out an odd last row, as in PyTorch.
    #[must_use]
    pub fn output_height(&self) -> usize {
        self.convolved_height() / if self.pool { 2 } else { 1 }
    }

    /// Columns of an output image.
    #[must_use]
    pub fn output_width(&self) -> usize {
        self.convolved_width() / if self.pool { 2 } else { 1 }
    }

    /// Elements of an input image.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.height * self.row()
    }

    /// Elements of an output image.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output_height() * self.output_width() * self.channels_out
    }

    /// Elements of the weights, `[channels_out, row, column, channels_in]`.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        self.channels_out * self.depth()
    }

    /// Products in the sum of one output.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.kernel * self.taps()
    }

    /// Elements of one row of an input image.
    pub(super) fn row(&self) -> usize {
        self.width * self.channels_in
    }

    /// Elements of one row of the kernel: side by side both in the kernel and in the image.
    pub(super) fn taps(&self) -> usize {
        self.kernel * self.channels_in
    }

    /// Pool windows of an image.
    pub(super) fn windows(&self) -> usize {
        self.output_height() * self.output_width()
    }

    /// Where in an image the first tap of each window's first position lies, in order.
    pub(super) fn origins(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let (columns, row, channels) = (self.output_width(), self.row(), self.channels_in);
        (0..self.windows())
            .map(move |window| 2 * (window / columns) * row + 2 * (window % columns) * channels)
    }

    /// How far from a window's origin its four positions lie.
    pub(super) fn positions(&self) -> [usize; 4] {
        let (right, down) = (self.channels_in, self.row());
        [0, right, down, down + right]
    }
}

/// What becomes of the highest convolved value of each window: times a factor, plus a bias, both
/// `[channels_out]`, and perhaps at least 0.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// 1, or what a batch-norm's statistics and scale make of it.
    pub factors: &'a [f32],
    /// Added last.
    pub bias: &'a [f32],
    /// Whether what is below 0 becomes 0.
    pub relu: bool,
}

/// An [`Epilogue`] filled up to whole vectors.
#[derive(Clone, Debug)]
pub(super) struct PaddedEpilogue {
    factors: Vec<f32>,
    bias: Vec<f32>,
    relu: bool,
}

impl PaddedEpilogue {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            factors: vec![0.0; columns],
            bias: vec![0.0; columns],
            relu: false,
        }
    }

    pub(super) fn set(&mut self, epilogue: Epilogue) {
        self.factors[..epilogue.factors.len()].copy_from_slice(epilogue.factors);
        self.bias[..epilogue.bias.len()].copy_from_slice(epilogue.bias);
        self.relu = epilogue.relu;
    }

    /// What becomes of a vector of channels, the first of which is `first`.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn finish<V: Vector>(&self, value: V, first: usize) -> V {
        let range = first..first + V::LANES;
        let (factors, bias) = (&self.factors[range.clone()], &self.bias[range]);
        // SAFETY: both are a vector long; the caller vouches for the processor.
        unsafe {
            let value = value
                .mul(V::load(factors.as_ptr()))
                .add(V::load(bias.as_ptr()));
            if self.relu { value.relu() } else { value }
        }
    }
}

/// A layer's weights in the order in which the forward pass reads them.
#[derive(Clone, Debug)]
pub struct Direct {
    shape: Shape,
    panels: Panels,
    epilogue: PaddedEpilogue,
}

impl Direct {
    /// A layer with weights of zero.
    ///
    /// # Panics
    /// If the kernel is neither 3 nor 5 wide, or not smaller than the image, or there is no pool.
    #[must_use]
    pub fn new(width: Width, shape: Shape) -> Self {
        assert!(
            shape.pool
                && matches!(shape.kernel, 3 | 5)
                && shape.height.min(shape.width) > shape.kernel
        );
        let width = width.fitting(shape.channels_out);
        let panels = Panels::new(width, shape.channels_out, shape.depth());
        let columns = panels.columns();
        Self {
            shape,
            panels,
            epilogue: PaddedEpilogue::new(columns),
        }
    }

    /// Takes the weights `[channels_out, row, column, channels_in]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn pack(&mut self, weights: &[f32], epilogue: Epilogue) {
        self.panels.pack_rows(weights);
        self.epilogue.set(epilogue);
    }

    /// Convolution, pool and epilogue of whole images. `winners` receives where in its image the
    /// first tap of the position that won each window lies; a NaN wins and stays one.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&self, input: &[f32], output: &mut [f32], winners: &mut [u32]) {
        forward(self.panels.width(), self, input, output, winners);
    }
}

with_width! {
    fn forward(
        layer: &Direct,
        input: &[f32],
        output: &mut [f32],
        winners: &mut [u32],
    ) = forward_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn forward_with<V: Vector>(
    layer: &Direct,
    input: &[f32],
    output: &mut [f32],
    winners: &mut [u32],
) {
    let shape = layer.shape;
    let images = input.chunks_exact(shape.input_len());
    assert!(images.remainder().is_empty());
    assert_eq!(output.len(), images.len() * shape.output_len());
    assert_eq!(winners.len(), output.len());
    assert_eq!(layer.panels.width().lanes(), V::LANES);
    let outputs = output.chunks_exact_mut(shape.output_len());
    let winners = winners.chunks_exact_mut(shape.output_len());
    for ((image, output), winners) in images.zip(outputs).zip(winners) {
        for (block, panel) in layer
            .panels
            .values()
            .chunks_exact(2 * V::LANES * shape.depth())
            .enumerate()
        {
            let first = block * 2 * V::LANES;
            // SAFETY: the tile reads within the windows of a whole image and within the block's
            // panel; the caller vouches for the processor.
            unsafe {
                for (window, origin) in shape.origins().enumerate() {
                    let tile = match (shape.channels_in, shape.kernel) {
                        (1, 3) => window_of_one_channel::<V, 3>(&shape, &image[origin..], panel),
                        (1, 5) => window_of_one_channel::<V, 5>(&shape, &image[origin..], panel),
                        _ => window_of_channels::<V>(&shape, &image[origin..], panel),
                    };
                    let range =
                        window * shape.channels_out + first..(window + 1) * shape.channels_out;
                    let places = shape.positions().map(|position| (origin + position) as u32);
                    let mut finished = [V::splat(0.0); 2];
                    for half in 0..2 {
                        let (highest, place) = pool_window(tile.map(|row| row[half]), places);
                        finished[half] = layer.epilogue.finish(highest, first + half * V::LANES);
                        let start = range.end.min(range.start + half * V::LANES);
                        store_winners::<V>(place, &mut winners[start..range.end]);
                    }
                    store(finished, &mut output[range]);
                }
            }
        }
    }
}

/// The four positions of the window that begins at the start of `image`.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn window_of_channels<V: Vector>(shape: &Shape, image: &[f32], panel: &[f32]) -> Tile<V> {
    let (taps, row) = (shape.taps(), shape.row());
    assert!(image.len() >= shape.kernel * row + shape.channels_in + taps);
    // SAFETY: the last position's last row of taps ends at the length just asserted; the panel has
    // two vectors for each of `kernel` rows of taps.
    unsafe {
        let mut tile = tile::zeros();
        for down in 0..shape.kernel {
            let pointers = shape
                .positions()
                .map(|position| image.as_ptr().add(down * row + position));
            let panel = panel.as_ptr().add(down * taps * 2 * V::LANES);
            tile = tile::accumulate::<V>(tile, pointers, panel, taps);
        }
        tile
    }
}

/// As [`window_of_channels`] for images of one channel: the value right of a tap is the next tap's,
/// and is loaded once for both.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn window_of_one_channel<V: Vector, const KERNEL: usize>(
    shape: &Shape,
    image: &[f32],
    panel: &[f32],
) -> Tile<V> {
    assert!(image.len() > KERNEL * shape.width + KERNEL);
    // As in `tile::accumulate`, a look at the end after each step keeps the steps apart. There is no
    // end within a row, but that must not be known to the compiler.
    let never = std::hint::black_box(usize::MAX);
    // SAFETY: the lower positions' last row of taps ends at the length asserted; the panel has two
    // vectors for each of KERNEL² taps.
    unsafe {
        let mut tile: Tile<V> = tile::zeros();
        let (mut top, mut panel) = (image.as_ptr(), panel.as_ptr());
        for _ in 0..KERNEL {
            let bottom = top.add(shape.width);
            let mut left = [V::load_splat(top), V::load_splat(bottom)];
            for tap in 0..KERNEL {
                let weights = [
                    V::load(panel.add(2 * tap * V::LANES)),
                    V::load(panel.add((2 * tap + 1) * V::LANES)),
                ];
                let right = [
                    V::load_splat(top.add(tap + 1)),
                    V::load_splat(bottom.add(tap + 1)),
                ];
                for half in 0..2 {
                    tile[0][half] = tile[0][half].add(left[0].mul(weights[half]));
                    tile[1][half] = tile[1][half].add(right[0].mul(weights[half]));
                    tile[2][half] = tile[2][half].add(left[1].mul(weights[half]));
                    tile[3][half] = tile[3][half].add(right[1].mul(weights[half]));
                }
                left = right;
                if tap == never {
                    return tile;
                }
            }
            top = bottom;
            panel = panel.add(2 * KERNEL * V::LANES);
        }
        tile
    }
}

/// The highest of a window's four values, and its place; a NaN wins and stays one.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn pool_window<V: Vector>(values: [V; 4], places: [u32; 4]) -> (V, V::Integers) {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut highest = (values[0], V::splat_integer(places[0] as i32));
        for position in 1..4 {
            let place = V::splat_integer(places[position] as i32);
            highest = highest.0.keep_highest(highest.1, values[position], place);
        }
        highest
    }
}

/// Stores as many places as fit the start of `target`.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn store_winners<V: Vector>(places: V::Integers, target: &mut [u32]) {
    // SAFETY: both targets are a vector long.
    unsafe {
        if target.len() >= V::LANES {
            V::store_integers(places, target.as_mut_ptr().cast());
        } else {
            let mut whole = [0_u32; MOST_LANES];
            V::store_integers(places, whole.as_mut_ptr().cast());
            target.copy_from_slice(&whole[..target.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{Layer, assert_close, at_every_width, shapes, values};
    use super::*;

    /// Part of the largest output by which any may be off: hundreds of products, each rounded to
    /// 6e-8 of it, are added up.
    const TOLERANCE: f64 = 2e-6;

    fn forward(layer: &Layer, epilogue: Epilogue, width: Width) -> (Vec<f32>, Vec<u32>) {
        let mut direct = Direct::new(width, layer.shape);
        direct.pack(&layer.weights, epilogue);
        let mut output = vec![f32::NAN; layer.of_output.len()];
        let mut winners = vec![u32::MAX; output.len()];
        direct.forward(&layer.images, &mut output, &mut winners);
        (output, winners)
    }

    #[test]
    fn outputs_are_those_of_plain_loops_at_every_width() {
        for shape in shapes(true) {
            let layer = Layer::draw(shape, 3);
            let (factors, bias) = (values(shape.channels_out, 4), values(shape.channels_out, 5));
            for relu in [false, true] {
                let epilogue = Epilogue {
                    factors: &factors,
                    bias: &bias,
                    relu,
                };
                let (convolved, winners) = layer.convolved();
                let finished = |(index, value): (usize, &f64)| {
                    let channel = index % shape.channels_out;
                    let value = value * f64::from(factors[channel]) + f64::from(bias[channel]);
                    if relu { value.max(0.0) } else { value }
                };
                let expected: Vec<f64> = convolved.iter().enumerate().map(finished).collect();
                let found = at_every_width(|width| forward(&layer, epilogue, width).0);
                assert_close(&format!("{shape:?}"), &found, &expected, TOLERANCE);
                for width in Width::available() {
                    assert_eq!(forward(&layer, epilogue, width).1, winners, "{shape:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_hidden_by_pool_or_relu() {
        for shape in shapes(true) {
            let mut layer = Layer::draw(shape, 1);
            // The first window sees it from one of its positions.
            layer.images[(shape.width + 1) * shape.channels_in] = f32::NAN;
            let epilogue = Epilogue {
                factors: &vec![1.0; shape.channels_out],
                bias: &vec![0.0; shape.channels_out],
                relu: true,
            };
            for width in Width::available() {
                let (output, _) = forward(&layer, epilogue, width);
                let window = &output[..shape.channels_out];
                assert!(window.iter().all(|value| value.is_nan()), "{shape:?}");
            }
        }
    }

    #[test]
    fn an_infinity_comes_out_as_one() {
        for shape in shapes(true) {
            let mut layer = Layer::draw(shape, 1);
            layer.weights.fill(0.5);
            layer.images[(shape.width + 1) * shape.channels_in] = f32::INFINITY;
            let epilogue = Epilogue {
                factors: &vec![1.0; shape.channels_out],
                bias: &vec![0.0; shape.channels_out],
                relu: true,
            };
            let output = at_every_width(|width| forward(&layer, epilogue, width).0);
            let window = &output[..shape.channels_out];
            assert!(
                window.iter().all(|&value| value == f32::INFINITY),
                "{shape:?}"
            );
        }
    }
}
