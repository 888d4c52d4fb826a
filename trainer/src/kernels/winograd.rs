//! Decides how convolutions of many channels are computed with a sixth or a quarter of the
//! multiplications, forward and backward: Winograd's F(4×4, 5×5) and F(4×4, 3×3).
//!
//! A tile of 4×4 outputs is computed from a square of inputs. Both it and the kernel are brought into
//! a form in which convolution is a product element by element; its sum over channels is a matrix
//! product for each element, and so are both gradients. The pool, if any, takes its windows from the
//! finished tile.
//!
//! Sources: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), with the
//! points 0, ±1, ±2 and ∞ for 3×3 kernels, and ±½ too for 5×5; the gradients are the transposed
//! linear maps.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "rows and columns of matrices say more than elements of arrays"
)]

use super::convolution::{Epilogue, PaddedEpilogue, Shape, pool_window, store_winners};
use super::matrix::store;
use super::tile::{self, Panels, ROWS};
use super::transform::{
    MOST_POINTS, OUTPUTS, input, input_back, kernel, kernel_back, output, output_back,
};
use super::vector::{Single, Vector};
use super::width::{Width, with_width};

/// Bytes of transformed values that are worked on at a time: about half of a core's second cache.
const CHUNK_BYTES: usize = 256 << 10;

/// Values between the rows of one element and those of the next. If these were as many bytes apart as
/// a cache's ways, the elements of a tile would drive each other out of it.
const GAP: usize = 16;

/// Values from one element's rows to the next's.
fn plane_len(rows: usize, values: usize) -> usize {
    rows * values + GAP
}

/// A layer's transformed weights, and the memory that a pass needs.
#[derive(Clone, Debug)]
pub struct Winograd {
    shape: Shape,
    width: Width,
    epilogue: PaddedEpilogue,
    /// Of each element, `[channels_in, channels_out]`.
    panels: Vec<Panels>,
    /// Of each element, `[channels_out, channels_in]`.
    panels_back: Vec<Panels>,
    /// Transformed weights `[element][channels_out, channels_in]`.
    kernels: Vec<f32>,
    /// Gradients of the transformed weights, `[element][channels_in, columns]`.
    for_kernels: Vec<f32>,
    /// Transformed inputs of some images' tiles, `[element][tile, channels_in]`.
    inputs: Vec<f32>,
    /// Products `[element][tile, columns]`; going backward, gradients of `inputs`.
    products: Vec<f32>,
    /// Transformed gradients of outputs, `[element][tile, channels_out]`.
    of_outputs: Vec<f32>,
    /// One image, filled up to whole tiles.
    padded: Vec<f32>,
    /// Images worked on at a time.
    images: usize,
}

/// Sizes that follow from a layer's shape.
#[derive(Clone, Copy)]
struct Tiles {
    shape: Shape,
    /// Rows and columns of a tile's inputs.
    points: usize,
    down: usize,
    across: usize,
}

impl Tiles {
    fn of(shape: Shape) -> Self {
        Self {
            shape,
            points: shape.kernel + OUTPUTS - 1,
            down: shape.convolved_height().div_ceil(OUTPUTS),
            across: shape.convolved_width().div_ceil(OUTPUTS),
        }
    }

    /// Elements of a transformed tile.
    fn elements(&self) -> usize {
        self.points * self.points
    }

    /// Tiles of an image.
    fn count(&self) -> usize {
        self.down * self.across
    }

    /// Rows of an image that is filled up to whole tiles.
    fn padded_height(&self) -> usize {
        self.down * OUTPUTS + self.shape.kernel - 1
    }

    fn padded_width(&self) -> usize {
        self.across * OUTPUTS + self.shape.kernel - 1
    }

    fn padded_row(&self) -> usize {
        self.padded_width() * self.shape.channels_in
    }

    fn padded_len(&self) -> usize {
        self.padded_height() * self.padded_row()
    }

    /// Whether images are whole tiles as they are.
    fn fits(&self) -> bool {
        self.padded_height() == self.shape.height && self.padded_width() == self.shape.width
    }

    /// Where in a padded image each tile's inputs begin.
    fn origins(&self) -> impl Iterator<Item = usize> + use<> {
        let (across, row, channels) = (self.across, self.padded_row(), self.shape.channels_in);
        (0..self.count())
            .map(move |tile| OUTPUTS * (tile / across * row + tile % across * channels))
    }
}

/// Whether this is the way to compute a layer: with few channels, the transforms cost more than they
/// save. Which way is taken decides the last bits, so it depends on nothing but the shape.
#[must_use]
pub fn is_worthwhile(shape: &Shape) -> bool {
    !shape.pool || shape.channels_in >= 8
}

impl Winograd {
    /// A layer with weights of zero.
    ///
    /// # Panics
    /// If the kernel is neither 3 nor 5 wide, or not smaller than the image.
    #[must_use]
    pub fn new(width: Width, shape: Shape) -> Self {
        assert!(matches!(shape.kernel, 3 | 5) && shape.height.min(shape.width) > shape.kernel);
        let tiles = Tiles::of(shape);
        let elements = tiles.elements();
        let (channels_in, channels_out) = (shape.channels_in, shape.channels_out);
        let width = width.fitting(channels_out);
        let panels = Panels::new(width, channels_out, channels_in);
        let panels_back = Panels::new(width, channels_in, channels_out);
        let image_bytes = 4 * elements * tiles.count() * (channels_in + channels_out);
        let images = (CHUNK_BYTES / image_bytes).max(1);
        let rows = images * tiles.count();
        let plane = |values| elements * plane_len(rows, values);
        let columns = panels.columns().max(panels_back.columns());
        // The last rows of inputs and the last vectors of a row of gradients may reach past them.
        let slack = ROWS.max(2 * width.lanes());
        Self {
            shape,
            width,
            epilogue: PaddedEpilogue::new(panels.columns()),
            kernels: vec![0.0; elements * channels_out * channels_in],
            for_kernels: vec![0.0; elements * channels_in * panels.columns()],
            inputs: vec![0.0; plane(channels_in) + slack],
            products: vec![0.0; plane(columns)],
            of_outputs: vec![0.0; plane(channels_out) + slack],
            padded: vec![0.0; tiles.padded_len()],
            panels: vec![panels; elements],
            panels_back: vec![panels_back; elements],
            images,
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

    /// Convolution, pool if there is one, and epilogue of whole images. `winners` receives where in
    /// its image the first tap of the position that won each window lies; a NaN wins and stays one.
    /// Without a pool it stays as it is.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32], winners: &mut [u32]) {
        let (input_len, output_len) = (self.shape.input_len(), self.shape.output_len());
        let images = self.images;
        let outputs = output.chunks_mut(images * output_len);
        let mut winners = winners.chunks_mut(images * output_len);
        for (input, output) in input.chunks(images * input_len).zip(outputs) {
            let winners = winners.next().unwrap_or_default();
            forward(self.width, self, input, output, winners);
        }
    }

    /// Gradients for the weights and, if there is room for it, the input, from the layer's input and
    /// from winners and gradient of its output; the weights are those packed last.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn backward(
        &mut self,
        input: &[f32],
        winners: &[u32],
        of_output: &[f32],
        for_weights: &mut [f32],
        mut for_input: Option<&mut [f32]>,
    ) {
        if for_input.is_some() {
            let matrices = self
                .kernels
                .chunks_exact(self.shape.channels_out * self.shape.channels_in);
            for (panels, matrix) in self.panels_back.iter_mut().zip(matrices) {
                panels.pack_columns(matrix);
            }
        }
        self.for_kernels.fill(0.0);
        let (input_len, output_len) = (self.shape.input_len(), self.shape.output_len());
        let images = self.images;
        for (index, input) in input.chunks(images * input_len).enumerate() {
            let range =
                |len| index * images * len..(index * images + input.len() / input_len) * len;
            let winners = winners.get(range(output_len)).unwrap_or_default();
            let of_output = &of_output[range(output_len)];
            let for_input = match &mut for_input {
                Some(all) => &mut all[range(input_len)],
                None => &mut [],
            };
            backward(self.width, self, input, winners, of_output, for_input);
        }
        transform_kernels_back(self.width, self, for_weights);
    }
}

/// Calls a function generic over vectors for each whole vector of channels, and for each of the last.
macro_rules! for_each_vector {
    ($V:ident, $channels:expr, |$channel:ident| $function:ident($($argument:expr),* $(,)?)) => {{
        let mut $channel = 0;
        while $channel + $V::LANES <= $channels {
            $function::<$V>($($argument),*);
            $channel += $V::LANES;
        }
        while $channel < $channels {
            $function::<Single>($($argument),*);
            $channel += 1;
        }
    }};
}

with_width! {
    fn transform_kernels(layer: &mut Winograd, weights: &[f32]) = transform_kernels_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn transform_kernels_with<V: Vector>(layer: &mut Winograd, weights: &[f32]) {
    let (shape, points) = (layer.shape, Tiles::of(layer.shape).points);
    assert_eq!(weights.len(), shape.weights_len());
    let plane = shape.channels_out * shape.channels_in;
    assert_eq!(layer.kernels.len(), points * points * plane);
    for out in 0..shape.channels_out {
        let from = weights[out * shape.depth()..][..shape.depth()].as_ptr();
        let to = layer.kernels[out * shape.channels_in..].as_mut_ptr();
        // SAFETY: `from` holds kernel² times all channels, and each element of `to` a plane of which
        // the channels of this output are left; the caller vouches for the processor.
        unsafe {
            for_each_vector!(V, shape.channels_in, |channel| transform_kernel(
                points,
                from.add(channel),
                shape.channels_in,
                to.add(channel),
                plane,
            ));
        }
    }
}

/// G · g · Gᵀ.
///
/// # Safety
/// As [`Vector`]; vectors of the kernel must be readable `from_stride` apart, and those of all
/// elements writable `to_stride` apart.
#[inline(always)]
unsafe fn transform_kernel<V: Vector>(
    points: usize,
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    let size = points + 1 - OUTPUTS;
    // SAFETY: as the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; 5]; MOST_POINTS];
        for column in 0..size {
            let mut taps = [zero; 5];
            for (row, tap) in taps.iter_mut().enumerate().take(size) {
                *tap = V::load(from.add((row * size + column) * from_stride));
            }
            let values = kernel(points, taps);
            for row in 0..points {
                half[row][column] = values[row];
            }
        }
        for row in 0..points {
            let values = kernel(points, half[row]);
            for column in 0..points {
                values[column].store(to.add((row * points + column) * to_stride));
            }
        }
    }
}

with_width! {
    fn transform_kernels_back(layer: &mut Winograd, for_weights: &mut [f32]) = transform_kernels_back_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn transform_kernels_back_with<V: Vector>(layer: &mut Winograd, for_weights: &mut [f32]) {
    let (shape, points) = (layer.shape, Tiles::of(layer.shape).points);
    assert_eq!(for_weights.len(), shape.weights_len());
    let columns = layer.panels[0].columns();
    let plane = shape.channels_in * columns;
    assert_eq!(layer.for_kernels.len(), points * points * plane);
    let mut taps = vec![0.0_f32; shape.kernel * shape.kernel * columns];
    for channel_in in 0..shape.channels_in {
        let from = layer.for_kernels[channel_in * columns..].as_ptr();
        // SAFETY: each element of `from` holds a plane of which all columns of this channel are
        // left; `taps` holds kernel² times all columns; the caller vouches for the processor.
        unsafe {
            for first in (0..columns).step_by(V::LANES) {
                transform_kernel_back::<V>(
                    points,
                    from.add(first),
                    plane,
                    taps.as_mut_ptr().add(first),
                    columns,
                );
            }
        }
        for (tap, values) in taps.chunks_exact(columns).enumerate() {
            let targets = for_weights[tap * shape.channels_in + channel_in..].iter_mut();
            for (target, value) in targets.step_by(shape.depth()).zip(values) {
                *target = *value;
            }
        }
    }
}

/// Gᵀ · u · G.
///
/// # Safety
/// As [`Vector`]; vectors of all elements must be readable `from_stride` apart, and those of the
/// kernel writable `to_stride` apart.
#[inline(always)]
unsafe fn transform_kernel_back<V: Vector>(
    points: usize,
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    let size = points + 1 - OUTPUTS;
    // SAFETY: as the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; MOST_POINTS]; 5];
        for column in 0..points {
            let mut values = [zero; MOST_POINTS];
            for (row, value) in values.iter_mut().enumerate().take(points) {
                *value = V::load(from.add((row * points + column) * from_stride));
            }
            let taps = kernel_back(points, values);
            for row in 0..size {
                half[row][column] = taps[row];
            }
        }
        for row in 0..size {
            let taps = kernel_back(points, half[row]);
            for column in 0..size {
                taps[column].store(to.add((row * size + column) * to_stride));
            }
        }
    }
}

with_width! {
    fn forward(layer: &mut Winograd, input: &[f32], output: &mut [f32], winners: &mut [u32]) = forward_with;
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
    // SAFETY: the caller vouches for the processor.
    unsafe {
        if layer.shape.kernel == 5 {
            forward_of::<V, 8>(layer, input, output, winners);
        } else {
            forward_of::<V, 6>(layer, input, output, winners);
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn forward_of<V: Vector, const POINTS: usize>(
    layer: &mut Winograd,
    input: &[f32],
    output: &mut [f32],
    winners: &mut [u32],
) {
    let tiles = Tiles::of(layer.shape);
    let images = input.len() / layer.shape.input_len();
    assert_eq!(input.len(), images * layer.shape.input_len());
    assert_eq!(output.len(), images * layer.shape.output_len());
    assert!(!layer.shape.pool || winners.len() == output.len());
    // SAFETY: the caller vouches for the processor.
    unsafe {
        transform_inputs::<V, POINTS>(&tiles, layer, input);
        let rows = images * tiles.count();
        let most_rows = layer.images * tiles.count();
        multiply::<V>(
            &layer.panels,
            &layer.inputs,
            rows,
            &mut layer.products,
            most_rows,
        );
        finish_tiles::<V, POINTS>(&tiles, layer, output, winners);
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn transform_inputs<V: Vector, const POINTS: usize>(
    tiles: &Tiles,
    layer: &mut Winograd,
    input: &[f32],
) {
    let channels = tiles.shape.channels_in;
    let plane = plane_len(layer.images * tiles.count(), channels);
    assert!(layer.inputs.len() >= POINTS * POINTS * plane);
    let images = input.chunks_exact(tiles.shape.input_len());
    assert!(images.len() <= layer.images);
    for (index, image) in images.enumerate() {
        let image = if tiles.fits() {
            image
        } else {
            let rows = layer.padded.chunks_exact_mut(tiles.padded_row());
            for (row, source) in rows.zip(image.chunks_exact(tiles.shape.row())) {
                row[..source.len()].copy_from_slice(source);
            }
            &layer.padded
        };
        for (tile, origin) in tiles.origins().enumerate() {
            let row = tiles.padded_row();
            let source = &image[origin..];
            assert!(source.len() >= (POINTS - 1) * row + POINTS * channels);
            let from = source.as_ptr();
            let to = layer.inputs[(index * tiles.count() + tile) * channels..].as_mut_ptr();
            // SAFETY: POINTS rows of POINTS values of all channels were checked to be there; each
            // element has a plane of which the channels of this tile are left; the caller vouches
            // for the processor.
            unsafe {
                for_each_vector!(V, channels, |channel| transform_input_of(
                    POINTS,
                    from.add(channel),
                    (row, channels),
                    to.add(channel),
                    plane,
                ));
            }
        }
    }
}

/// Bᵀ · d · B.
///
/// # Safety
/// As [`Vector`]; rows and columns of vectors must be readable at the strides given, and those of
/// all elements writable `plane` apart.
#[inline(always)]
unsafe fn transform_input_of<V: Vector>(
    points: usize,
    from: *const f32,
    (row_stride, column_stride): (usize, usize),
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: as the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; MOST_POINTS]; MOST_POINTS];
        for column in 0..points {
            let mut values = [zero; MOST_POINTS];
            for (row, value) in values.iter_mut().enumerate().take(points) {
                *value = V::load(from.add(row * row_stride + column * column_stride));
            }
            let values = input(points, values);
            for row in 0..points {
                half[row][column] = values[row];
            }
        }
        for row in 0..points {
            let values = input(points, half[row]);
            for column in 0..points {
                values[column].store(to.add((row * points + column) * plane));
            }
        }
    }
}

/// Products of the rows of all elements with their panels.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn multiply<V: Vector>(
    panels: &[Panels],
    lefts: &[f32],
    rows: usize,
    products: &mut [f32],
    most_rows: usize,
) {
    let (depth, columns) = (panels[0].depth(), panels[0].columns());
    assert!(rows > 0 && rows <= most_rows);
    let lefts = lefts.chunks_exact(plane_len(most_rows, depth));
    let products = products.chunks_exact_mut(plane_len(most_rows, columns));
    assert!(lefts.len() >= panels.len() && products.len() >= panels.len());
    for ((panels, left), products) in panels.iter().zip(lefts).zip(products) {
        for (block, panel) in panels
            .values()
            .chunks_exact(2 * V::LANES * depth)
            .enumerate()
        {
            for first in (0..rows).step_by(ROWS) {
                // Past the last row the last is computed again, and stored again.
                let row = |row: usize| (first + row).min(rows - 1);
                // SAFETY: a row has `depth` values on the left and `columns`, whole blocks of two
                // vectors, among the products; the panel has two vectors for each value; the caller
                // vouches for the processor.
                unsafe {
                    let pointer = |at: usize| left.as_ptr().add(row(at) * depth);
                    let pointers = [pointer(0), pointer(1), pointer(2), pointer(3)];
                    let tile =
                        tile::accumulate::<V>(tile::zeros(), pointers, panel.as_ptr(), depth);
                    for (at, sums) in tile.into_iter().enumerate() {
                        let target = products
                            .as_mut_ptr()
                            .add(row(at) * columns + block * 2 * V::LANES);
                        sums[0].store(target);
                        sums[1].store(target.add(V::LANES));
                    }
                }
            }
        }
    }
}

/// From products to outputs.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn finish_tiles<V: Vector, const POINTS: usize>(
    tiles: &Tiles,
    layer: &Winograd,
    output: &mut [f32],
    winners: &mut [u32],
) {
    let shape = &tiles.shape;
    let columns = layer.panels[0].columns();
    let plane = plane_len(layer.images * tiles.count(), columns);
    assert!(layer.products.len() >= POINTS * POINTS * plane);
    let mut row = 0;
    let mut winners = winners.chunks_exact_mut(shape.output_len());
    for output in output.chunks_exact_mut(shape.output_len()) {
        let winners = winners.next().unwrap_or_default();
        for tile in 0..tiles.count() {
            let place = (tile / tiles.across * OUTPUTS, tile % tiles.across * OUTPUTS);
            for first in (0..shape.channels_out).step_by(V::LANES) {
                // SAFETY: each element has a plane of products in which this tile's row has whole
                // vectors; the caller vouches for the processor.
                unsafe {
                    let from = layer.products[row * columns + first..].as_ptr();
                    let values = output_tile::<V>(POINTS, from, plane);
                    if shape.pool {
                        for (window, places, positions) in windows(shape, place) {
                            let range = window * shape.channels_out + first
                                ..(window + 1) * shape.channels_out;
                            let positions = positions.map(|(down, right)| values[down][right]);
                            let (highest, winner) = pool_window(positions, places);
                            let finished = layer.epilogue.finish(highest, first);
                            store([finished], &mut output[range.clone()]);
                            store_winners::<V>(winner, &mut winners[range]);
                        }
                    } else {
                        for (position, (down, right)) in positions(shape, place) {
                            let range = position * shape.channels_out + first
                                ..(position + 1) * shape.channels_out;
                            let finished = layer.epilogue.finish(values[down][right], first);
                            store([finished], &mut output[range]);
                        }
                    }
                }
            }
            row += 1;
        }
    }
}

/// The pool windows in the tile whose first output is at `place`: the number of each in its image,
/// where in the input its four positions begin, and where in the tile they are.
#[inline(always)]
fn windows(
    shape: &Shape,
    (top, left): (usize, usize),
) -> impl Iterator<Item = (usize, [u32; 4], [(usize, usize); 4])> + use<> {
    let (height, width) = (shape.output_height(), shape.output_width());
    let (row, channels) = (shape.row(), shape.channels_in);
    let corners = [(0, 0), (0, 2), (2, 0), (2, 2)].into_iter();
    corners.filter_map(move |(down, right)| {
        let (y, x) = ((top + down) / 2, (left + right) / 2);
        let positions = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(y, x)| (down + y, right + x));
        let places = positions.map(|(y, x)| ((top + y) * row + (left + x) * channels) as u32);
        (y < height && x < width).then_some((y * width + x, places, positions))
    })
}

/// The outputs of a layer without a pool in the tile whose first output is at `place`: the number of
/// each in its image, and where in the tile it is.
#[inline(always)]
fn positions(
    shape: &Shape,
    (top, left): (usize, usize),
) -> impl Iterator<Item = (usize, (usize, usize))> + use<> {
    let (height, width) = (shape.output_height(), shape.output_width());
    (0..OUTPUTS * OUTPUTS).filter_map(move |place| {
        let (down, right) = (place / OUTPUTS, place % OUTPUTS);
        let (y, x) = (top + down, left + right);
        (y < height && x < width).then_some((y * width + x, (down, right)))
    })
}

/// Aᵀ · m · A.
///
/// # Safety
/// As [`Vector`]; vectors of all elements must be readable `plane` apart.
#[inline(always)]
unsafe fn output_tile<V: Vector>(
    points: usize,
    from: *const f32,
    plane: usize,
) -> [[V; OUTPUTS]; OUTPUTS] {
    // SAFETY: as the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; MOST_POINTS]; OUTPUTS];
        for column in 0..points {
            let mut values = [zero; MOST_POINTS];
            for (row, value) in values.iter_mut().enumerate().take(points) {
                *value = V::load(from.add((row * points + column) * plane));
            }
            let values = output(points, values);
            for row in 0..OUTPUTS {
                half[row][column] = values[row];
            }
        }
        let mut values = [[zero; OUTPUTS]; OUTPUTS];
        for row in 0..OUTPUTS {
            values[row] = output(points, half[row]);
        }
        values
    }
}

with_width! {
    fn backward(
        layer: &mut Winograd,
        input: &[f32],
        winners: &[u32],
        of_output: &[f32],
        for_input: &mut [f32],
    ) = backward_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn backward_with<V: Vector>(
    layer: &mut Winograd,
    input: &[f32],
    winners: &[u32],
    of_output: &[f32],
    for_input: &mut [f32],
) {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        if layer.shape.kernel == 5 {
            backward_of::<V, 8>(layer, input, winners, of_output, for_input);
        } else {
            backward_of::<V, 6>(layer, input, winners, of_output, for_input);
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn backward_of<V: Vector, const POINTS: usize>(
    layer: &mut Winograd,
    input: &[f32],
    winners: &[u32],
    of_output: &[f32],
    for_input: &mut [f32],
) {
    let shape = layer.shape;
    let tiles = Tiles::of(shape);
    let images = input.len() / shape.input_len();
    assert_eq!(input.len(), images * shape.input_len());
    assert_eq!(of_output.len(), images * shape.output_len());
    assert!(!shape.pool || winners.len() == of_output.len());
    let (rows, most_rows) = (images * tiles.count(), layer.images * tiles.count());
    // SAFETY: the caller vouches for the processor.
    unsafe {
        transform_inputs::<V, POINTS>(&tiles, layer, input);
        transform_gradients::<V, POINTS>(&tiles, layer, winners, of_output);
        add_for_kernels::<V>(layer, rows, most_rows);
        if !for_input.is_empty() {
            assert_eq!(for_input.len(), input.len());
            multiply::<V>(
                &layer.panels_back,
                &layer.of_outputs,
                rows,
                &mut layer.products,
                most_rows,
            );
            add_for_inputs::<V, POINTS>(&tiles, layer, for_input);
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn transform_gradients<V: Vector, const POINTS: usize>(
    tiles: &Tiles,
    layer: &mut Winograd,
    winners: &[u32],
    of_output: &[f32],
) {
    let shape = &tiles.shape;
    let channels = shape.channels_out;
    let plane = plane_len(layer.images * tiles.count(), channels);
    assert!(layer.of_outputs.len() >= POINTS * POINTS * plane);
    let mut winners = winners.chunks_exact(shape.output_len());
    let mut row = 0;
    for of_output in of_output.chunks_exact(shape.output_len()) {
        let winners = winners.next().unwrap_or_default();
        for tile in 0..tiles.count() {
            let place = (tile / tiles.across * OUTPUTS, tile % tiles.across * OUTPUTS);
            let to = layer.of_outputs[row * channels..].as_mut_ptr();
            // SAFETY: each element has a plane of which the channels of this tile are left; windows
            // and positions lie within the outputs, which have all channels; the caller vouches for
            // the processor.
            unsafe {
                for_each_vector!(V, channels, |channel| transform_gradient(
                    POINTS,
                    shape,
                    place,
                    channel,
                    (winners, of_output),
                    to.add(channel),
                    plane,
                ));
            }
            row += 1;
        }
    }
}

/// A · g · Aᵀ, where only the positions that won their windows have a gradient.
///
/// # Safety
/// As [`Vector`]; `channel` must begin a vector of the outputs' channels, and vectors of all elements
/// be writable `plane` apart.
#[inline(always)]
unsafe fn transform_gradient<V: Vector>(
    points: usize,
    shape: &Shape,
    place: (usize, usize),
    channel: usize,
    (winners, of_output): (&[u32], &[f32]),
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: as the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut gradient = [[zero; OUTPUTS]; OUTPUTS];
        if shape.pool {
            for (window, places, positions) in windows(shape, place) {
                let at = window * shape.channels_out + channel;
                let value = V::load(of_output.as_ptr().add(at));
                let winner = V::load_integers(winners.as_ptr().add(at).cast());
                for ((down, right), place) in positions.into_iter().zip(places) {
                    let place = V::splat_integer(place as i32);
                    gradient[down][right] = value.where_same(winner, place);
                }
            }
        } else {
            for (position, (down, right)) in positions(shape, place) {
                let at = position * shape.channels_out + channel;
                gradient[down][right] = V::load(of_output.as_ptr().add(at));
            }
        }
        let mut half = [[zero; OUTPUTS]; MOST_POINTS];
        for column in 0..OUTPUTS {
            let values = output_back(points, gradient.map(|row| row[column]));
            for row in 0..points {
                half[row][column] = values[row];
            }
        }
        for row in 0..points {
            let values = output_back(points, half[row]);
            for column in 0..points {
                values[column].store(to.add((row * points + column) * plane));
            }
        }
    }
}

/// Adds the products of inputs and gradients of these tiles to the transformed weights' gradient.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn add_for_kernels<V: Vector>(layer: &mut Winograd, rows: usize, most_rows: usize) {
    let (channels_in, channels_out) = (layer.shape.channels_in, layer.shape.channels_out);
    let columns = layer.panels[0].columns();
    let elements = layer.panels.len();
    assert!(rows > 0 && rows <= most_rows);
    let (left_plane, right_plane) = (
        plane_len(most_rows, channels_in),
        plane_len(most_rows, channels_out),
    );
    assert!(layer.inputs.len() >= elements * left_plane + ROWS);
    assert!(layer.of_outputs.len() >= elements * right_plane + 2 * V::LANES);
    let planes = layer.for_kernels.chunks_exact_mut(channels_in * columns);
    for (element, plane) in planes.enumerate() {
        for first in (0..channels_in).step_by(ROWS) {
            for column in (0..columns).step_by(2 * V::LANES) {
                // SAFETY: rows of both factors are there for all tiles; what is read past their
                // channels lies within the next row or the values behind the last; sums are stored
                // for channels there are, in rows of `columns`, whole blocks; the caller vouches
                // for the processor.
                unsafe {
                    let left = layer.inputs.as_ptr().add(element * left_plane + first);
                    let right = layer
                        .of_outputs
                        .as_ptr()
                        .add(element * right_plane + column);
                    let tile = tile::accumulate_outer::<V>(
                        (left, channels_in),
                        (right, channels_out),
                        rows,
                    );
                    for (row, sums) in tile.into_iter().enumerate().take(channels_in - first) {
                        let target = plane.as_mut_ptr().add((first + row) * columns + column);
                        for (half, sum) in sums.into_iter().enumerate() {
                            let target = target.add(half * V::LANES);
                            V::load(target).add(sum).store(target);
                        }
                    }
                }
            }
        }
    }
}

/// From gradients of transformed inputs to those of inputs.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn add_for_inputs<V: Vector, const POINTS: usize>(
    tiles: &Tiles,
    layer: &mut Winograd,
    for_input: &mut [f32],
) {
    let shape = &tiles.shape;
    let columns = layer.panels_back[0].columns();
    let plane = plane_len(layer.images * tiles.count(), columns);
    assert!(layer.products.len() >= POINTS * POINTS * plane);
    let mut row = 0;
    for image in for_input.chunks_exact_mut(shape.input_len()) {
        layer.padded.fill(0.0);
        for origin in tiles.origins() {
            let target = &mut layer.padded[origin..];
            let strides = (tiles.padded_row(), shape.channels_in);
            assert!(target.len() >= (POINTS - 1) * strides.0 + POINTS * strides.1);
            let (to, from) = (
                target.as_mut_ptr(),
                layer.products[row * columns..].as_ptr(),
            );
            // SAFETY: POINTS rows of POINTS values of all channels were checked to be there; each
            // element has a plane in which this tile's row has all channels; the caller vouches for
            // the processor.
            unsafe {
                for_each_vector!(V, shape.channels_in, |channel| add_for_input(
                    POINTS,
                    from.add(channel),
                    plane,
                    to.add(channel),
                    strides,
                ));
            }
            row += 1;
        }
        let rows = layer.padded.chunks_exact(tiles.padded_row());
        for (row, target) in rows.zip(image.chunks_exact_mut(shape.row())) {
            target.copy_from_slice(&row[..target.len()]);
        }
    }
}

/// Adds B · v · Bᵀ.
///
/// # Safety
/// As [`Vector`]; vectors of all elements must be readable `plane` apart, and rows and columns of
/// vectors writable at the strides given.
#[inline(always)]
unsafe fn add_for_input<V: Vector>(
    points: usize,
    from: *const f32,
    plane: usize,
    to: *mut f32,
    (row_stride, column_stride): (usize, usize),
) {
    // SAFETY: as the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; MOST_POINTS]; MOST_POINTS];
        for column in 0..points {
            let mut values = [zero; MOST_POINTS];
            for (row, value) in values.iter_mut().enumerate().take(points) {
                *value = V::load(from.add((row * points + column) * plane));
            }
            let values = input_back(points, values);
            for row in 0..points {
                half[row][column] = values[row];
            }
        }
        for row in 0..points {
            let values = input_back(points, half[row]);
            for column in 0..points {
                let to = to.add(row * row_stride + column * column_stride);
                V::load(to).add(values[column]).store(to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{Layer, assert_close, at_every_width, bits, shapes, values};
    use super::*;

    /// Part of the largest value by which any may be off: the transforms for eight points lose two
    /// digits of single precision's 6e-8.
    const TOLERANCE: f64 = 3e-5;

    /// With and without a pool, and one of which several pieces are worked on.
    fn layers() -> Vec<Layer> {
        let shapes = [shapes(true), shapes(false)].concat().into_iter();
        let mut layers: Vec<Layer> = shapes.map(|shape| Layer::draw(shape, 3)).collect();
        let shape = Shape {
            height: 9,
            width: 8,
            channels_in: 16,
            channels_out: 17,
            kernel: 5,
            pool: true,
        };
        layers.push(Layer::draw(
            shape,
            2 * Winograd::new(Width::widest(), shape).images + 1,
        ));
        layers
    }

    fn with_weights(layer: &Layer, width: Width, bias: &[f32], relu: bool) -> Winograd {
        let mut winograd = Winograd::new(width, layer.shape);
        let factors = vec![1.0; bias.len()];
        let epilogue = Epilogue {
            factors: &factors,
            bias,
            relu,
        };
        winograd.pack(&layer.weights, epilogue);
        winograd
    }

    fn forward(winograd: &mut Winograd, images: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let count = images.len() / winograd.shape.input_len();
        let mut output = vec![f32::NAN; count * winograd.shape.output_len()];
        let mut winners = vec![u32::MAX; output.len()];
        winograd.forward(images, &mut output, &mut winners);
        (output, winners)
    }

    #[test]
    fn outputs_are_those_of_plain_loops_at_every_width() {
        for layer in layers() {
            let channels = layer.shape.channels_out;
            let bias = values(channels, 4);
            let (convolved, winners) = layer.convolved();
            let with_bias =
                |(index, value): (usize, &f64)| value + f64::from(bias[index % channels]);
            let expected: Vec<f64> = convolved.iter().enumerate().map(with_bias).collect();
            let found = at_every_width(|width| {
                let mut winograd = with_weights(&layer, width, &bias, false);
                let (output, won) = forward(&mut winograd, &layer.images);
                if layer.shape.pool {
                    assert_eq!(won, winners, "{:?}", layer.shape);
                }
                output
            });
            assert_close(&format!("{:?}", layer.shape), &found, &expected, TOLERANCE);
        }
    }

    #[test]
    fn gradients_are_those_of_plain_loops_at_every_width() {
        for layer in layers() {
            let (_, winners) = layer.convolved();
            let (for_weights, for_images) = layer.gradients(&winners);
            let backward = |width| {
                let mut winograd =
                    with_weights(&layer, width, &vec![0.0; layer.shape.channels_out], false);
                let mut for_weights = vec![f32::NAN; layer.weights.len()];
                let mut for_images = vec![f32::NAN; layer.images.len()];
                // Twice, for what the first leaves in memory.
                for _ in 0..2 {
                    winograd.backward(
                        &layer.images,
                        &winners,
                        &layer.of_output,
                        &mut for_weights,
                        Some(&mut for_images),
                    );
                }
                [for_weights, for_images].concat()
            };
            let found = at_every_width(backward);
            let (weights, images) = found.split_at(layer.weights.len());
            let name = format!("{:?}", layer.shape);
            assert_close(&name, weights, &for_weights, TOLERANCE);
            assert_close(&name, images, &for_images, TOLERANCE);
        }
    }

    #[test]
    fn an_image_is_convolved_alike_in_any_batch() {
        for layer in layers() {
            let bias = vec![0.0; layer.shape.channels_out];
            let mut winograd = with_weights(&layer, Width::widest(), &bias, true);
            let (together, _) = forward(&mut winograd, &layer.images);
            let images = layer.images.chunks_exact(layer.shape.input_len());
            let alone: Vec<f32> = images
                .flat_map(|image| forward(&mut winograd, image).0)
                .collect();
            assert!(bits(&together).eq(bits(&alone)), "{:?}", layer.shape);
        }
    }

    #[test]
    fn what_is_no_number_or_infinite_is_not_hidden() {
        for shape in [shapes(true), shapes(false)].concat() {
            for wrong in [f32::NAN, f32::INFINITY] {
                let mut layer = Layer::draw(shape, 1);
                // Of the first output's taps, the middle one.
                let middle = shape.kernel / 2;
                layer.images[(middle * shape.width + middle) * shape.channels_in] = wrong;
                for width in Width::available() {
                    let bias = vec![0.0; shape.channels_out];
                    let mut winograd = with_weights(&layer, width, &bias, true);
                    let (output, _) = forward(&mut winograd, &layer.images);
                    let first = &output[..shape.channels_out];
                    assert!(first.iter().all(|value| !value.is_finite()), "{shape:?}");
                }
            }
        }
    }
}
