//! Decides how the gradients of a convolution with max-pool are computed: for its weights and for
//! its input, from the one value in four that won its window. Values without a gradient are skipped,
//! which is exact.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::convolution::Shape;
use super::vector::Vector;
use super::width::{Width, with_width};

/// Vectors of sums that are kept in registers: with a factor, a value and a product they are almost
/// all that there are.
const MOST_VECTORS: usize = 10;

/// Factors of rows of a source, which are added up in this order.
#[derive(Clone, Debug, Default)]
struct Terms {
    /// Where in the source the rows of a term begin.
    places: Vec<u32>,
    factors: Vec<f32>,
    count: usize,
}

impl Terms {
    fn new(most: usize) -> Self {
        Self {
            places: vec![0; most],
            factors: vec![0.0; most],
            count: 0,
        }
    }

    fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds a term, unless its factor is 0.
    #[inline(always)]
    fn push(&mut self, place: u32, factor: f32) {
        // Written in any case and counted if need be: half of the factors are 0, and no processor
        // could guess which.
        self.places[self.count] = place;
        self.factors[self.count] = factor;
        self.count += usize::from(factor != 0.0);
    }

    fn as_slices(&self) -> (&[u32], &[f32]) {
        (&self.places[..self.count], &self.factors[..self.count])
    }
}

/// The gradients of one layer, with the memory they need.
#[derive(Clone, Debug)]
pub struct Sparse {
    shape: Shape,
    width: Width,
    /// Elements from one row of padded weights to the next.
    stride: usize,
    /// Weights or sums of their gradient, `[channels_out, row, stride]`.
    padded: Vec<f32>,
    terms: Terms,
    by_position: [Terms; 4],
}

impl Sparse {
    /// For one layer.
    #[must_use]
    pub fn new(width: Width, shape: Shape) -> Self {
        let stride = shape.taps().next_multiple_of(width.lanes());
        Self {
            shape,
            width,
            stride,
            padded: vec![0.0; shape.channels_out * shape.kernel * stride],
            terms: Terms::new(shape.windows() + 1),
            by_position: std::array::from_fn(|_| Terms::new(shape.channels_out + 1)),
        }
    }

    /// Values that an input must have beyond its last image, whatever they are.
    #[must_use]
    pub fn slack(width: Width) -> usize {
        2 * width.lanes()
    }

    /// The gradient for the weights `[channels_out, row, column, channels_in]`, from the layer's
    /// input, with [`Sparse::slack`] values behind it, and from winners and gradient of its output.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn weights(
        &mut self,
        input: &[f32],
        winners: &[u32],
        of_output: &[f32],
        gradient: &mut [f32],
    ) {
        weights(self.width, self, input, winners, of_output);
        let rows = self.padded.chunks_exact(self.stride);
        for (row, target) in rows.zip(gradient.chunks_exact_mut(self.shape.taps())) {
            target.copy_from_slice(&row[..target.len()]);
        }
    }

    /// The gradient for the input, with [`Sparse::slack`] values behind it, from the weights and
    /// from winners and gradient of the output.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn input(
        &mut self,
        layer_weights: &[f32],
        winners: &[u32],
        of_output: &[f32],
        gradient: &mut [f32],
    ) {
        self.padded.fill(0.0);
        let rows = self.padded.chunks_exact_mut(self.stride);
        for (row, source) in rows.zip(layer_weights.chunks_exact(self.shape.taps())) {
            row[..source.len()].copy_from_slice(source);
        }
        gradient.fill(0.0);
        input(self.width, self, winners, of_output, gradient);
    }
}

with_width! {
    fn weights(
        layer: &mut Sparse,
        input: &[f32],
        winners: &[u32],
        of_output: &[f32],
    ) = weights_with;
}

/// Image by image and channel by channel, the windows in order.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn weights_with<V: Vector>(
    layer: &mut Sparse,
    input: &[f32],
    winners: &[u32],
    of_output: &[f32],
) {
    let Sparse {
        shape,
        stride,
        padded,
        terms,
        ..
    } = layer;
    let images = of_output.len() / shape.output_len();
    assert_eq!(of_output.len(), images * shape.output_len());
    assert_eq!(winners.len(), of_output.len());
    assert!(input.len() >= images * shape.input_len() + 2 * V::LANES);
    assert_eq!(*stride, shape.taps().next_multiple_of(V::LANES));
    // The furthest that a winner's first row may begin for its last to be followed by a vector more.
    let furthest = shape.input_len() - (shape.kernel - 1) * shape.row() - shape.taps();
    padded.fill(0.0);
    let outputs = winners
        .chunks_exact(shape.output_len())
        .zip(of_output.chunks_exact(shape.output_len()));
    for (image, (winners, of_output)) in outputs.enumerate() {
        let source = &input[image * shape.input_len()..][..shape.input_len() + 2 * V::LANES];
        for (channel, sums) in padded.chunks_exact_mut(shape.kernel * *stride).enumerate() {
            terms.clear();
            let column = |values| strided(values, channel, shape.channels_out);
            for (&place, &factor) in
                column(winners).zip(strided(of_output, channel, shape.channels_out))
            {
                assert!(place as usize <= furthest);
                terms.push(place, factor);
            }
            // SAFETY: every place was checked to leave room for all rows of taps and a vector more;
            // the sums have `stride` values for each row; the caller vouches for the processor.
            unsafe {
                add_terms::<V>(
                    source.as_ptr(),
                    shape.row(),
                    terms,
                    sums.as_mut_ptr(),
                    *stride,
                    shape.kernel,
                    *stride,
                )
            };
        }
    }
}

/// Every `step`th value from `first`.
fn strided<T>(values: &[T], first: usize, step: usize) -> impl Iterator<Item = &T> {
    values[first..].iter().step_by(step)
}

with_width! {
    fn input(
        layer: &mut Sparse,
        winners: &[u32],
        of_output: &[f32],
        gradient: &mut [f32],
    ) = input_with;
}

/// Image by image and window by window: channels that the same position won are added up before
/// their sum goes to the image, in order of positions.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn input_with<V: Vector>(
    layer: &mut Sparse,
    winners: &[u32],
    of_output: &[f32],
    gradient: &mut [f32],
) {
    let Sparse {
        shape,
        stride,
        padded,
        by_position,
        ..
    } = layer;
    let images = of_output.len() / shape.output_len();
    assert_eq!(of_output.len(), images * shape.output_len());
    assert_eq!(winners.len(), of_output.len());
    assert!(gradient.len() >= images * shape.input_len() + 2 * V::LANES);
    assert_eq!(*stride, shape.taps().next_multiple_of(V::LANES));
    let channel_stride = (shape.kernel * *stride) as u32;
    let (right, down) = (shape.channels_in as u32, shape.row() as u32);
    let windows = shape.windows();
    let outputs = winners
        .chunks_exact(shape.channels_out)
        .zip(of_output.chunks_exact(shape.channels_out));
    let mut origins = shape.origins().cycle();
    for (index, (winners, of_output)) in outputs.enumerate() {
        let origin = origins.next().expect("a layer has windows");
        let image = &mut gradient[index / windows * shape.input_len()..]
            [..shape.input_len() + 2 * V::LANES];
        by_position.iter_mut().for_each(Terms::clear);
        let mut place = 0;
        for (&winner, &factor) in winners.iter().zip(of_output) {
            let from_origin = winner.wrapping_sub(origin as u32);
            let is_down = u32::from(from_origin >= down);
            let is_right = u32::from(from_origin - is_down * down >= right);
            by_position[(2 * is_down + is_right) as usize & 3].push(place, factor);
            place += channel_stride;
        }
        for (terms, position) in by_position.iter().zip(shape.positions()) {
            let target = &mut image[origin + position..];
            assert!(target.len() >= (shape.kernel - 1) * shape.row() + shape.taps() + 2 * V::LANES);
            // SAFETY: a place is that of one of `channels_out` channels, each of which has `kernel`
            // rows of `stride` weights; the target was checked to have room for all rows of taps and
            // two vectors more; the caller vouches for the processor. What lies behind a row of taps
            // gets zeros added.
            unsafe {
                add_terms::<V>(
                    padded.as_ptr(),
                    *stride,
                    terms,
                    target.as_mut_ptr(),
                    shape.row(),
                    shape.kernel,
                    *stride,
                )
            };
        }
    }
}

/// Adds to `rows` rows of `lanes` values the sum over all terms of factor · row of the source.
///
/// # Safety
/// As [`Vector`]; from every term's place in the source, and from the target, `rows` rows must be in
/// memory, `source_stride` and `target_stride` apart, each of `lanes` values, a multiple of V's.
#[inline(always)]
unsafe fn add_terms<V: Vector>(
    source: *const f32,
    source_stride: usize,
    terms: &Terms,
    target: *mut f32,
    target_stride: usize,
    rows: usize,
    lanes: usize,
) {
    let vectors = lanes / V::LANES;
    let strides = (source_stride, target_stride);
    // SAFETY: as the caller vouches for; chunks of vectors lie within the row.
    unsafe {
        match (rows, vectors) {
            (5, 1) => return add_block::<V, 5, 1>(source, terms, target, strides),
            (5, 2) => return add_block::<V, 5, 2>(source, terms, target, strides),
            (3, 1) => return add_block::<V, 3, 1>(source, terms, target, strides),
            (3, 2) => return add_block::<V, 3, 2>(source, terms, target, strides),
            (3, 3) => return add_block::<V, 3, 3>(source, terms, target, strides),
            _ => {}
        }
        let chunks = vectors.div_ceil(MOST_VECTORS);
        for row in 0..rows {
            let mut first = 0;
            for chunk in 0..chunks {
                let count = (vectors - first).div_ceil(chunks - chunk);
                let source = source.add(row * source_stride + first * V::LANES);
                let target = target.add(row * target_stride + first * V::LANES);
                match count {
                    1 => add_block::<V, 1, 1>(source, terms, target, strides),
                    2 => add_block::<V, 1, 2>(source, terms, target, strides),
                    3 => add_block::<V, 1, 3>(source, terms, target, strides),
                    4 => add_block::<V, 1, 4>(source, terms, target, strides),
                    5 => add_block::<V, 1, 5>(source, terms, target, strides),
                    6 => add_block::<V, 1, 6>(source, terms, target, strides),
                    7 => add_block::<V, 1, 7>(source, terms, target, strides),
                    8 => add_block::<V, 1, 8>(source, terms, target, strides),
                    9 => add_block::<V, 1, 9>(source, terms, target, strides),
                    10 => add_block::<V, 1, 10>(source, terms, target, strides),
                    _ => unreachable!("a chunk has at most {MOST_VECTORS} vectors"),
                }
                first += count;
            }
        }
    }
}

/// # Safety
/// As [`add_terms`], for ROWS rows of VECTORS vectors.
#[inline(always)]
unsafe fn add_block<V: Vector, const ROWS: usize, const VECTORS: usize>(
    source: *const f32,
    terms: &Terms,
    target: *mut f32,
    (source_stride, target_stride): (usize, usize),
) {
    let (places, factors) = terms.as_slices();
    // SAFETY: as the caller vouches for.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        for (&place, factor) in places.iter().zip(factors) {
            let factor = V::load_splat(factor);
            let mut row = source.add(place as usize);
            for sums in &mut sums {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(factor.mul(V::load(row.add(vector * V::LANES))));
                }
                row = row.add(source_stride);
            }
        }
        let mut row = target;
        for sums in sums {
            for (vector, sum) in sums.into_iter().enumerate() {
                let target = row.add(vector * V::LANES);
                V::load(target).add(sum).store(target);
            }
            row = row.add(target_stride);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{Layer, assert_close, at_every_width, shapes};
    use super::*;

    /// Part of the largest gradient by which any may be off: hundreds of products, each rounded to
    /// 6e-8 of it, are added up.
    const TOLERANCE: f64 = 2e-6;

    fn for_weights(layer: &Layer, winners: &[u32], width: Width) -> Vec<f32> {
        let mut input = layer.images.clone();
        input.resize(input.len() + Sparse::slack(width), f32::NAN);
        let mut gradient = vec![f32::NAN; layer.weights.len()];
        let mut sparse = Sparse::new(width, layer.shape);
        sparse.weights(&input, winners, &layer.of_output, &mut gradient);
        gradient
    }

    fn for_images(layer: &Layer, winners: &[u32], width: Width) -> Vec<f32> {
        let mut gradient = vec![f32::NAN; layer.images.len() + Sparse::slack(width)];
        let mut sparse = Sparse::new(width, layer.shape);
        sparse.input(&layer.weights, winners, &layer.of_output, &mut gradient);
        gradient.truncate(layer.images.len());
        gradient
    }

    #[test]
    fn gradients_are_those_of_plain_loops_at_every_width() {
        for shape in shapes(true) {
            let layer = Layer::draw(shape, 3);
            let (_, winners) = layer.convolved();
            let (weights, images) = layer.gradients(&winners);
            let name = format!("{shape:?}");
            let found = at_every_width(|width| for_weights(&layer, &winners, width));
            assert_close(&name, &found, &weights, TOLERANCE);
            let found = at_every_width(|width| for_images(&layer, &winners, width));
            assert_close(&name, &found, &images, TOLERANCE);
        }
    }

    #[test]
    fn where_nothing_has_a_gradient_there_is_none() {
        let mut layer = Layer::draw(shapes(true)[5], 2);
        layer.of_output.fill(0.0);
        let (_, winners) = layer.convolved();
        for width in Width::available() {
            let gradients = [
                for_weights(&layer, &winners, width),
                for_images(&layer, &winners, width),
            ];
            assert!(gradients.concat().iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn what_is_no_number_is_not_skipped() {
        for shape in shapes(true) {
            let mut layer = Layer::draw(shape, 1);
            layer.of_output[0] = f32::NAN;
            let (_, winners) = layer.convolved();
            for width in Width::available() {
                let weights = for_weights(&layer, &winners, width);
                let of_channel = &weights[..shape.depth()];
                assert!(of_channel.iter().all(|value| value.is_nan()), "{shape:?}");
                let images = for_images(&layer, &winners, width);
                assert!(images[winners[0] as usize].is_nan(), "{shape:?}");
            }
        }
    }
}
