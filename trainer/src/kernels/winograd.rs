//! Decides how the forward pass of a 5×5 convolution with max-pool is computed with a third of the
//! multiplications: Winograd's F(2×2, 5×5), whose 2×2 outputs are exactly one pool window.
//!
//! Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), with the
//! points 0, ±1, ±2 and ∞. A window's 6×6 inputs and a kernel are brought into a form in which the
//! convolution is a product, element by element; its sum over channels is a matrix product for each
//! of the 36 elements.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::convolution::{BlockEpilogue, Epilogue, PaddedEpilogue, Shape, pool};
use super::tile::{self, Panels, ROWS};
use super::vector::{Single, Vector};
use super::width::{Width, with_width};

/// Rows and columns of a window's inputs: of two outputs and four taps beside them.
const SIZE: usize = 6;
/// Elements of a transformed window or kernel.
const ELEMENTS: usize = SIZE * SIZE;
const KERNEL: usize = 5;

/// Whether this is the way to compute a layer: with few channels, the transforms cost more than
/// they save. Which way is taken decides the last bits, so it depends on nothing but the shape.
#[must_use]
pub fn is_worthwhile(shape: &Shape) -> bool {
    shape.kernel == KERNEL && shape.channels_in >= 8 && shape.channels_out >= 8
}

/// Transformed weights, and the memory that a forward pass needs.
#[derive(Clone, Debug)]
pub struct Winograd {
    shape: Shape,
    width: Width,
    /// Of each element, `[channels_in, channels_out]`.
    panels: Vec<Panels>,
    epilogue: PaddedEpilogue,
    /// Transformed weights `[element][channels_out, channels_in]`.
    kernels: Vec<f32>,
    /// One image's windows, `[element][window, channels_in]`.
    inputs: Vec<f32>,
    /// Their products, `[element][window, columns]`.
    products: Vec<f32>,
    /// `channels_out`, rounded up to whole blocks.
    columns: usize,
}

impl Winograd {
    /// A layer with weights of zero.
    ///
    /// # Panics
    /// If the kernel is not 5×5, or larger than the image.
    #[must_use]
    pub fn new(width: Width, shape: Shape) -> Self {
        assert!(shape.kernel == KERNEL && shape.height.min(shape.width) > KERNEL);
        let panels = Panels::new(width, shape.channels_out, shape.channels_in);
        let columns = panels.values().len() / shape.channels_in;
        Self {
            shape,
            width: panels.width(),
            panels: vec![panels; ELEMENTS],
            epilogue: PaddedEpilogue::new(columns),
            kernels: vec![0.0; ELEMENTS * shape.channels_out * shape.channels_in],
            inputs: vec![0.0; ELEMENTS * shape.windows() * shape.channels_in],
            products: vec![0.0; ELEMENTS * shape.windows() * columns],
            columns,
        }
    }

    /// Takes the weights `[channels_out, row, column, channels_in]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn pack(&mut self, weights: &[f32], epilogue: Epilogue) {
        transform_kernels(self.width, self, weights);
        let matrices = self
            .kernels
            .chunks_exact(self.shape.channels_out * self.shape.channels_in);
        for (panels, matrix) in self.panels.iter_mut().zip(matrices) {
            panels.pack_rows(matrix);
        }
        self.epilogue.set(epilogue);
    }

    /// As [`Direct::forward`](super::convolution::Direct::forward).
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32], winners: &mut [u32]) {
        forward(self.width, self, input, output, winners);
    }
}

with_width! {
    fn transform_kernels(layer: &mut Winograd, weights: &[f32]) = transform_kernels_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn transform_kernels_with<V: Vector>(layer: &mut Winograd, weights: &[f32]) {
    let shape = layer.shape;
    assert_eq!(weights.len(), shape.weights_len());
    let plane = shape.channels_out * shape.channels_in;
    assert_eq!(layer.kernels.len(), ELEMENTS * plane);
    for out in 0..shape.channels_out {
        let source = weights[out * shape.depth()..][..shape.depth()].as_ptr();
        let target = layer.kernels[out * shape.channels_in..].as_mut_ptr();
        let mut channel = 0;
        // SAFETY: the source holds KERNEL² times `channels_in` values, the target of each element a
        // plane of which the channels of this output are left; the caller vouches for the processor.
        unsafe {
            while channel + V::LANES <= shape.channels_in {
                transform_kernel::<V>(
                    source.add(channel),
                    shape.channels_in,
                    target.add(channel),
                    plane,
                );
                channel += V::LANES;
            }
            while channel < shape.channels_in {
                transform_kernel::<Single>(
                    source.add(channel),
                    shape.channels_in,
                    target.add(channel),
                    plane,
                );
                channel += 1;
            }
        }
    }
}

/// G · g · Gᵀ.
///
/// # Safety
/// As [`Vector`]; KERNEL² vectors must be readable `from_stride` apart, and ELEMENTS writable
/// `to_stride` apart.
#[inline(always)]
unsafe fn transform_kernel<V: Vector>(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: as the caller vouches for.
    unsafe {
        let mut half = [[V::splat(0.0); KERNEL]; SIZE];
        for column in 0..KERNEL {
            let taps =
                std::array::from_fn(|row| V::load(from.add((row * KERNEL + column) * from_stride)));
            for (row, value) in kernel_points(taps).into_iter().enumerate() {
                half[row][column] = value;
            }
        }
        for (row, taps) in half.into_iter().enumerate() {
            for (column, value) in kernel_points(taps).into_iter().enumerate() {
                value.store(to.add((row * SIZE + column) * to_stride));
            }
        }
    }
}

/// A kernel's row at the six points, each with its share of the interpolation's denominators.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn kernel_points<V: Vector>([a, b, c, d, e]: [V; KERNEL]) -> [V; SIZE] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let [quarter, sixth, twenty_fourth] =
            [0.25, -1.0 / 6.0, 1.0 / 24.0].map(|value| V::splat(value));
        let [two, four, eight, sixteen] = [2.0, 4.0, 8.0, 16.0].map(|value| V::splat(value));
        let (even, odd) = (a.add(c).add(e), b.add(d));
        let even_of_two = a.add(four.mul(c)).add(sixteen.mul(e));
        let odd_of_two = two.mul(b).add(eight.mul(d));
        [
            quarter.mul(a),
            sixth.mul(even.add(odd)),
            sixth.mul(even.sub(odd)),
            twenty_fourth.mul(even_of_two.add(odd_of_two)),
            twenty_fourth.mul(even_of_two.sub(odd_of_two)),
            e,
        ]
    }
}

with_width! {
    fn forward(
        layer: &mut Winograd,
        input: &[f32],
        output: &mut [f32],
        winners: &mut [u32],
    ) = forward_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn forward_with<V: Vector>(
    layer: &mut Winograd,
    input: &[f32],
    output: &mut [f32],
    winners: &mut [u32],
) {
    let shape = layer.shape;
    let images = input.chunks_exact(shape.input_len());
    assert!(images.remainder().is_empty());
    assert_eq!(output.len(), images.len() * shape.output_len());
    assert_eq!(winners.len(), output.len());
    assert_eq!(layer.width.lanes(), V::LANES);
    let outputs = output.chunks_exact_mut(shape.output_len());
    let winners = winners.chunks_exact_mut(shape.output_len());
    for ((image, output), winners) in images.zip(outputs).zip(winners) {
        // SAFETY: the caller vouches for the processor.
        unsafe {
            transform_windows::<V>(&shape, image, &mut layer.inputs);
            multiply::<V>(layer);
            pool_windows::<V>(layer, output, winners);
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn transform_windows<V: Vector>(shape: &Shape, image: &[f32], inputs: &mut [f32]) {
    let (row, channels) = (shape.row(), shape.channels_in);
    let plane = shape.windows() * channels;
    assert_eq!(inputs.len(), ELEMENTS * plane);
    for (window, origin) in shape.origins().enumerate() {
        let source = &image[origin..];
        assert!(source.len() >= (SIZE - 1) * row + SIZE * channels);
        let (source, target) = (source.as_ptr(), inputs[window * channels..].as_mut_ptr());
        let mut channel = 0;
        // SAFETY: six rows of six values of all channels were checked to be there; each element has
        // a plane of which the channels of this window are left; the caller vouches for the
        // processor.
        unsafe {
            while channel + V::LANES <= channels {
                transform_window::<V>(
                    source.add(channel),
                    (row, channels),
                    target.add(channel),
                    plane,
                );
                channel += V::LANES;
            }
            while channel < channels {
                transform_window::<Single>(
                    source.add(channel),
                    (row, channels),
                    target.add(channel),
                    plane,
                );
                channel += 1;
            }
        }
    }
}

/// Bᵀ · d · B.
///
/// # Safety
/// As [`Vector`]; SIZE rows of SIZE vectors must be readable at the strides given, and ELEMENTS
/// vectors writable `plane` apart.
#[inline(always)]
unsafe fn transform_window<V: Vector>(
    from: *const f32,
    (row_stride, column_stride): (usize, usize),
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: as the caller vouches for.
    unsafe {
        let mut half = [[V::splat(0.0); SIZE]; SIZE];
        for column in 0..SIZE {
            let from = from.add(column * column_stride);
            let values = std::array::from_fn(|row| V::load(from.add(row * row_stride)));
            for (row, value) in input_points(values).into_iter().enumerate() {
                half[row][column] = value;
            }
        }
        for (row, values) in half.into_iter().enumerate() {
            let to = to.add(row * SIZE * plane);
            for (column, value) in input_points(values).into_iter().enumerate() {
                value.store(to.add(column * plane));
            }
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn input_points<V: Vector>([a, b, c, d, e, f]: [V; SIZE]) -> [V; SIZE] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let [two, four, five] = [2.0, 4.0, 5.0].map(|value| V::splat(value));
        let (even, odd) = (e.sub(four.mul(c)), d.sub(four.mul(b)));
        let (even_of_two, odd_of_two) = (e.sub(c), two.mul(d.sub(b)));
        [
            four.mul(a).sub(five.mul(c)).add(e),
            even.add(odd),
            even.sub(odd),
            even_of_two.add(odd_of_two),
            even_of_two.sub(odd_of_two),
            four.mul(b).sub(five.mul(d)).add(f),
        ]
    }
}

/// Products of all windows, element by element.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn multiply<V: Vector>(layer: &mut Winograd) {
    let (windows, depth, columns) = (
        layer.shape.windows(),
        layer.shape.channels_in,
        layer.columns,
    );
    let inputs = layer.inputs.chunks_exact(windows * depth);
    let products = layer.products.chunks_exact_mut(windows * columns);
    for ((panels, inputs), products) in layer.panels.iter().zip(inputs).zip(products) {
        for (block, panel) in panels
            .values()
            .chunks_exact(2 * V::LANES * depth)
            .enumerate()
        {
            for first in (0..windows).step_by(ROWS) {
                // Past the last window the last is computed again, and stored again.
                let window = |row: usize| (first + row).min(windows - 1);
                let rows: [usize; ROWS] = std::array::from_fn(window);
                // SAFETY: a window has `depth` inputs and `columns` products, whole blocks of two
                // vectors; the panel has two vectors for each input; the caller vouches for the
                // processor.
                unsafe {
                    let pointers = rows.map(|row| inputs.as_ptr().add(row * depth));
                    let tile =
                        tile::accumulate::<V>(tile::zeros(), pointers, panel.as_ptr(), depth);
                    for (row, sums) in rows.into_iter().zip(tile) {
                        let target = products
                            .as_mut_ptr()
                            .add(row * columns + block * 2 * V::LANES);
                        sums[0].store(target);
                        sums[1].store(target.add(V::LANES));
                    }
                }
            }
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn pool_windows<V: Vector>(layer: &Winograd, output: &mut [f32], winners: &mut [u32]) {
    let (shape, columns) = (layer.shape, layer.columns);
    let plane = shape.windows() * columns;
    assert_eq!(layer.products.len(), ELEMENTS * plane);
    for (window, origin) in shape.origins().enumerate() {
        let places = shape.positions().map(|position| (origin + position) as u32);
        for first in (0..columns).step_by(2 * V::LANES) {
            let range = window * shape.channels_out + first..(window + 1) * shape.channels_out;
            // SAFETY: each element has a plane in which this block of this window's columns lies;
            // the caller vouches for the processor.
            unsafe {
                let products = layer.products[window * columns + first..].as_ptr();
                let epilogue = BlockEpilogue::<V>::load(&layer.epilogue, first);
                let low = outputs::<V>(products, plane);
                let high = outputs::<V>(products.add(V::LANES), plane);
                let tile = std::array::from_fn(|position| [low[position], high[position]]);
                pool(
                    tile,
                    &epilogue,
                    places,
                    &mut output[range.clone()],
                    &mut winners[range],
                );
            }
        }
    }
}

/// Aᵀ · m · A: the four outputs of a window.
///
/// # Safety
/// As [`Vector`]; ELEMENTS vectors must be readable `plane` apart.
#[inline(always)]
unsafe fn outputs<V: Vector>(products: *const f32, plane: usize) -> [V; 4] {
    // SAFETY: as the caller vouches for.
    unsafe {
        let mut half = [[V::splat(0.0); 2]; SIZE];
        for (column, half) in half.iter_mut().enumerate() {
            let products = products.add(column * plane);
            *half = output_pair(std::array::from_fn(|row| {
                V::load(products.add(row * SIZE * plane))
            }));
        }
        let top = output_pair(half.map(|pair| pair[0]));
        let bottom = output_pair(half.map(|pair| pair[1]));
        [top[0], top[1], bottom[0], bottom[1]]
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn output_pair<V: Vector>([a, b, c, d, e, f]: [V; SIZE]) -> [V; 2] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let two = V::splat(2.0);
        [
            a.add(b.add(c)).add(d.add(e)),
            b.sub(c).add(two.mul(d.sub(e))).add(f),
        ]
    }
}
