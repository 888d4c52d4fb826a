//! Decides how a valid convolution followed by a 2×2 max-pool is computed, forward and backward.
//!
//! The two are one kernel because a register tile of 2×2 positions by 8 channels is exactly one
//! pool window, and because only the position that won its window gets a gradient: going backward,
//! three quarters of the convolution's outputs are skipped exactly.

use super::LANES;

/// The sizes of one layer; `channels_*` and sizes are in elements, images are channels-last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images in the batch.
    pub images: usize,
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
}

impl Shape {
    /// Rows after the pool; an odd last row of the convolution is left out, as in PyTorch.
    #[must_use]
    pub fn pooled_height(&self) -> usize {
        (self.height + 1 - self.kernel) / 2
    }

    /// Columns after the pool.
    #[must_use]
    pub fn pooled_width(&self) -> usize {
        (self.width + 1 - self.kernel) / 2
    }

    /// Elements of the input, of all images.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.images * self.image_len()
    }

    /// Elements of the output, of all images.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.images * self.windows() * self.channels_out
    }

    /// Elements of the weights `[channels_out, channels_in, kernel, kernel]`.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        self.channels_out * self.kernel * self.taps()
    }

    fn image_len(&self) -> usize {
        self.height * self.row()
    }

    /// Elements of one input row.
    fn row(&self) -> usize {
        self.width * self.channels_in
    }

    /// Elements of one row of the kernel: side by side both in the kernel and in the image.
    fn taps(&self) -> usize {
        self.kernel * self.channels_in
    }

    fn windows(&self) -> usize {
        self.pooled_height() * self.pooled_width()
    }

    /// Where in an image the first tap of a window's first position lies.
    fn origin(&self, window: usize) -> usize {
        let (y, x) = (window / self.pooled_width(), window % self.pooled_width());
        2 * y * self.row() + 2 * x * self.channels_in
    }

    /// Where in an image the first tap of the position that won a window lies.
    fn winning_origin(&self, window: usize, winner: u8) -> usize {
        let (down, right) = (usize::from(winner >> 1), usize::from(winner & 1));
        self.origin(window) + down * self.row() + right * self.channels_in
    }
}

/// What a forward pass gives.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// The highest of each window plus the bias, `[images, pooled rows, pooled columns, channels_out]`.
    pub values: Vec<f32>,
    /// Which position won, 0..4 row by row, the first among equals; of the shape of `values`.
    pub winners: Vec<u8>,
}

/// Convolution, pool and bias; `weights` as in PyTorch, `[channels_out, channels_in, kernel, kernel]`.
#[must_use]
pub fn forward(shape: Shape, input: &[f32], weights: &[f32], bias: &[f32]) -> Pooled {
    let panels = forward_panels(shape, weights);
    let mut pooled = Pooled {
        values: vec![0.0; shape.output_len()],
        winners: vec![0; shape.output_len()],
    };
    let outputs = shape.windows() * shape.channels_out;
    let images = input.chunks_exact(shape.image_len());
    let values = pooled.values.chunks_exact_mut(outputs);
    let winners = pooled.winners.chunks_exact_mut(outputs);
    for ((image, values), winners) in images.zip(values).zip(winners) {
        forward_image(shape, image, &panels, bias, values, winners);
    }
    pooled
}

fn forward_image(
    shape: Shape,
    image: &[f32],
    panels: &[[f32; LANES]],
    bias: &[f32],
    values: &mut [f32],
    winners: &mut [u8],
) {
    for (block, panel) in panels.chunks_exact(shape.kernel * shape.taps()).enumerate() {
        let first = block * LANES;
        let width = LANES.min(shape.channels_out - first);
        for window in 0..shape.windows() {
            let sums = window_sums(shape, &image[shape.origin(window)..], panel);
            let (highest, winner) = highest(&sums);
            let start = window * shape.channels_out + first;
            for lane in 0..width {
                values[start + lane] = highest[lane] + bias[first + lane];
                winners[start + lane] = winner[lane];
            }
        }
    }
}

/// The four positions of the window that begins at the start of `image`, for eight channels.
#[inline]
fn window_sums(shape: Shape, image: &[f32], panel: &[[f32; LANES]]) -> [[f32; LANES]; 4] {
    let (taps, right) = (shape.taps(), shape.channels_in);
    let mut sums = [[0.0; LANES]; 4];
    for (down, panel) in panel.chunks_exact(taps).enumerate() {
        let top = &image[down * shape.row()..][..taps + right];
        let bottom = &image[(down + 1) * shape.row()..][..taps + right];
        let inputs = top[..taps]
            .iter()
            .zip(&top[right..])
            .zip(&bottom[..taps])
            .zip(&bottom[right..]);
        for (weights, (((&a, &b), &c), &d)) in panel.iter().zip(inputs) {
            for (sum, input) in sums.iter_mut().zip([a, b, c, d]) {
                for (lane, weight) in sum.iter_mut().zip(weights) {
                    *lane += input * weight;
                }
            }
        }
    }
    sums
}

#[inline]
fn highest(sums: &[[f32; LANES]; 4]) -> ([f32; LANES], [u8; LANES]) {
    let mut highest = sums[0];
    let mut winner = [0_u8; LANES];
    for (position, sums) in (0_u8..).zip(sums).skip(1) {
        for lane in 0..LANES {
            if sums[lane] > highest[lane] || sums[lane].is_nan() {
                highest[lane] = sums[lane];
                winner[lane] = position;
            }
        }
    }
    (highest, winner)
}

/// Per eight output channels: a vector of weights per tap, rows of the kernel in order.
fn forward_panels(shape: Shape, weights: &[f32]) -> Vec<[f32; LANES]> {
    let by_tap = weights_by_tap(shape, weights);
    let taps = shape.kernel * shape.taps();
    let mut panels = Vec::with_capacity(shape.channels_out.div_ceil(LANES) * taps);
    for channels in by_tap.chunks(LANES * taps) {
        for tap in 0..taps {
            let mut lanes = [0.0; LANES];
            for (lane, channel) in lanes.iter_mut().zip(channels.chunks_exact(taps)) {
                *lane = channel[tap];
            }
            panels.push(lanes);
        }
    }
    panels
}

/// From `[out, in, row, column]` to `[out, row, column, in]`.
fn weights_by_tap(shape: Shape, weights: &[f32]) -> Vec<f32> {
    let mut by_tap = vec![0.0; weights.len()];
    for (tap, source) in tap_sources(shape).enumerate() {
        by_tap[tap] = weights[source];
    }
    by_tap
}

/// For each element of `[out, row, column, in]` in order, where it is in `[out, in, row, column]`.
fn tap_sources(shape: Shape) -> impl Iterator<Item = usize> {
    let area = shape.kernel * shape.kernel;
    (0..shape.channels_out).flat_map(move |out| {
        (0..area).flat_map(move |place| {
            (0..shape.channels_in)
                .map(move |channel| (out * shape.channels_in + channel) * area + place)
        })
    })
}

/// The gradient for the weights, from the one for the pooled output.
#[must_use]
pub fn weight_gradient(shape: Shape, input: &[f32], winners: &[u8], gradient: &[f32]) -> Vec<f32> {
    match shape.kernel {
        3 => weight_gradient_of::<3>(shape, input, winners, gradient),
        5 => weight_gradient_of::<5>(shape, input, winners, gradient),
        kernel => unreachable!("kernels are 3 or 5 wide, not {kernel}"),
    }
}

/// One window's contribution: where its taps begin in the image, and its gradient.
type Contribution = (usize, f32);

fn weight_gradient_of<const KERNEL: usize>(
    shape: Shape,
    input: &[f32],
    winners: &[u8],
    gradient: &[f32],
) -> Vec<f32> {
    let outputs = shape.windows() * shape.channels_out;
    let blocks = shape.taps().div_ceil(LANES);
    let mut sums = vec![[[0.0; LANES]; KERNEL]; shape.channels_out * blocks];
    // A block of lanes may reach past the taps of a row, at the end even past the image.
    let mut image = vec![0.0; shape.image_len() + LANES];
    let mut contributions: Vec<Contribution> = Vec::with_capacity(shape.windows());
    let batch = input.chunks_exact(shape.image_len());
    let pooled = winners
        .chunks_exact(outputs)
        .zip(gradient.chunks_exact(outputs));
    for (source, (winners, gradient)) in batch.zip(pooled) {
        image[..source.len()].copy_from_slice(source);
        for (channel, sums) in sums.chunks_exact_mut(blocks).enumerate() {
            collect_contributions(shape, channel, winners, gradient, &mut contributions);
            for (block, sums) in sums.iter_mut().enumerate() {
                add_contributions(shape, &image[block * LANES..], &contributions, sums);
            }
        }
    }
    unpacked_gradient(shape, &sums)
}

fn collect_contributions(
    shape: Shape,
    channel: usize,
    winners: &[u8],
    gradient: &[f32],
    contributions: &mut Vec<Contribution>,
) {
    contributions.clear();
    contributions.extend((0..shape.windows()).map(|window| {
        let index = window * shape.channels_out + channel;
        (
            shape.winning_origin(window, winners[index]),
            gradient[index],
        )
    }));
}

/// Adds one image's contributions to eight taps of every kernel row, in the order of windows.
#[inline]
fn add_contributions<const KERNEL: usize>(
    shape: Shape,
    image: &[f32],
    contributions: &[Contribution],
    sums: &mut [[f32; LANES]; KERNEL],
) {
    let mut of_image = [[0.0; LANES]; KERNEL];
    for &(origin, gradient) in contributions {
        for (down, sum) in of_image.iter_mut().enumerate() {
            let inputs = &image[origin + down * shape.row()..][..LANES];
            for (lane, input) in sum.iter_mut().zip(inputs) {
                *lane += gradient * input;
            }
        }
    }
    for (sum, of_image) in sums.iter_mut().zip(&of_image) {
        for (lane, value) in sum.iter_mut().zip(of_image) {
            *lane += value;
        }
    }
}

/// From `[out, block, row, lane]` to `[out, in, row, column]`.
fn unpacked_gradient<const KERNEL: usize>(
    shape: Shape,
    sums: &[[[f32; LANES]; KERNEL]],
) -> Vec<f32> {
    let taps = shape.taps();
    let blocks = taps.div_ceil(LANES);
    let mut gradient = vec![0.0; shape.weights_len()];
    for (index, target) in tap_sources(shape).enumerate() {
        let (row, tap) = (index / taps, index % taps);
        let (channel, down) = (row / KERNEL, row % KERNEL);
        gradient[target] = sums[channel * blocks + tap / LANES][down][tap % LANES];
    }
    gradient
}

/// The gradient for the input, from the one for the pooled output.
#[must_use]
pub fn input_gradient(shape: Shape, weights: &[f32], winners: &[u8], gradient: &[f32]) -> Vec<f32> {
    let by_tap = weights_by_tap(shape, weights);
    let outputs = shape.windows() * shape.channels_out;
    let mut result = vec![0.0; shape.input_len()];
    let images = result.chunks_exact_mut(shape.image_len());
    let pooled = winners
        .chunks_exact(outputs)
        .zip(gradient.chunks_exact(outputs));
    for (image, (winners, gradient)) in images.zip(pooled) {
        input_gradient_of_image(shape, &by_tap, winners, gradient, image);
    }
    result
}

fn input_gradient_of_image(
    shape: Shape,
    by_tap: &[f32],
    winners: &[u8],
    gradient: &[f32],
    image: &mut [f32],
) {
    let taps = shape.taps();
    for (channel, weights) in by_tap.chunks_exact(shape.kernel * taps).enumerate() {
        for window in 0..shape.windows() {
            let index = window * shape.channels_out + channel;
            let origin = shape.winning_origin(window, winners[index]);
            for (down, weights) in weights.chunks_exact(taps).enumerate() {
                let inputs = &mut image[origin + down * shape.row()..][..taps];
                for (input, weight) in inputs.iter_mut().zip(weights) {
                    *input += gradient[index] * weight;
                }
            }
        }
    }
}
