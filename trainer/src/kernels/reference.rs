//! Decides what tests hold the kernels to: convolutions by plain loops in double precision, and
//! closeness. It does not know how a kernel computes, only what.

use super::convolution::Shape;
use super::width::Width;
use crate::philox::{Philox, Stream};

/// Numbers from -0.5 to 0.5, drawn by `seed`.
pub(super) fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut draws = Philox::new(seed).draws(Stream::Weights, 0);
    (0..count).map(|_| draws.unit() - 0.5).collect()
}

/// What `compute` gives, which must be the same at every width of vectors to the bit.
pub(super) fn at_every_width(compute: impl Fn(Width) -> Vec<f32>) -> Vec<f32> {
    let mut widths = Width::available().into_iter();
    let first = compute(widths.next().expect("there is a width everywhere"));
    for width in widths {
        let other = compute(width);
        assert!(bits(&first).eq(bits(&other)), "other bits with {width}");
    }
    first
}

/// Tells zeros of either sign apart, and NaNs not from themselves.
pub(super) fn bits(values: &[f32]) -> impl Iterator<Item = u32> {
    values.iter().map(|value| value.to_bits())
}

/// Each value within a part of the largest expected, which is at least 1e-3.
pub(super) fn assert_close(name: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(1e-3, |most, one| one.abs().max(most));
    for (index, (&found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(found) - expected).abs() <= tolerance * largest,
            "{name}: {found} at {index} is not {expected}, of at most {largest}"
        );
    }
}

/// A layer's sizes with some images, weights and what its output's gradient is made of.
pub(super) struct Layer {
    pub shape: Shape,
    pub images: Vec<f32>,
    pub weights: Vec<f32>,
    pub of_output: Vec<f32>,
}

impl Layer {
    /// Draws `count` images, weights and a gradient, half of which is 0, as behind a ReLU.
    pub fn draw(shape: Shape, count: usize) -> Self {
        let mut of_output = values(count * shape.output_len(), 3);
        for value in of_output.iter_mut().filter(|value| **value < 0.0) {
            *value = 0.0;
        }
        Self {
            images: values(count * shape.input_len(), 1),
            weights: values(shape.weights_len(), 2),
            of_output,
            shape,
        }
    }

    /// Convolved values `[images, windows, channels_out]`, of each window the highest, and where in
    /// its image the first tap of that one's position lies.
    pub fn convolved(&self) -> (Vec<f64>, Vec<u32>) {
        let mut outputs = Vec::new();
        let mut winners = Vec::new();
        for image in self.images.chunks_exact(self.shape.input_len()) {
            for window in self.windows() {
                for channel in 0..self.shape.channels_out {
                    let of_position = |&place: &usize| (self.sum(image, place, channel), place);
                    let (highest, place) = window
                        .iter()
                        .map(of_position)
                        .reduce(|best, next| if next.0 > best.0 { next } else { best })
                        .expect("a window has positions");
                    outputs.push(highest);
                    winners.push(place as u32);
                }
            }
        }
        (outputs, winners)
    }

    /// Gradients for weights and images, by way of the positions that won.
    pub fn gradients(&self, winners: &[u32]) -> (Vec<f64>, Vec<f64>) {
        let mut for_weights = vec![0.0; self.weights.len()];
        let mut for_images = vec![0.0; self.images.len()];
        for (index, (&place, &of_output)) in winners.iter().zip(&self.of_output).enumerate() {
            let image = index / self.shape.output_len() * self.shape.input_len();
            let channel = index % self.shape.channels_out;
            for (weight, value) in self.terms(place as usize, channel) {
                let value = image + value;
                let of_output = f64::from(of_output);
                for_weights[weight] += of_output * f64::from(self.images[value]);
                for_images[value] += of_output * f64::from(self.weights[weight]);
            }
        }
        (for_weights, for_images)
    }

    fn sum(&self, image: &[f32], place: usize, channel: usize) -> f64 {
        let product = |(weight, value): (usize, usize)| {
            f64::from(self.weights[weight]) * f64::from(image[value])
        };
        self.terms(place, channel).map(product).sum()
    }

    /// Which weight meets which value of an image in the sum of an output.
    fn terms(&self, place: usize, channel: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Shape {
            width,
            channels_in,
            kernel,
            ..
        } = self.shape;
        let first = channel * kernel * kernel * channels_in;
        (0..kernel * kernel * channels_in).map(move |tap| {
            let (down, rest) = (tap / (kernel * channels_in), tap % (kernel * channels_in));
            (first + tap, place + down * width * channels_in + rest)
        })
    }

    /// Where in an image the first taps of each window's positions lie.
    fn windows(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        let shape = self.shape;
        let step = if shape.pool { 2 } else { 1 };
        let columns = shape.output_width();
        (0..shape.output_height() * columns).map(move |window| {
            let (row, column) = (step * (window / columns), step * (window % columns));
            let place = |position: usize| {
                let (row, column) = (row + position / step, column + position % step);
                (row * shape.width + column) * shape.channels_in
            };
            (0..step * step).map(place).collect()
        })
    }
}

/// Layers of all kinds of sizes: channels below, at and above whole vectors and blocks of them, and
/// images whose last rows or columns a pool leaves out.
pub(super) fn shapes(pool: bool) -> Vec<Shape> {
    let sizes = [
        (3, 4, 4, 1, 1),
        (3, 7, 6, 1, 8),
        (3, 9, 12, 3, 11),
        (3, 5, 9, 8, 16),
        (3, 8, 5, 11, 3),
        (3, 10, 7, 16, 33),
        (3, 6, 6, 17, 9),
        (5, 6, 6, 1, 3),
        (5, 9, 8, 1, 17),
        (5, 12, 14, 3, 8),
        (5, 7, 10, 8, 1),
        (5, 13, 7, 11, 11),
        (5, 8, 11, 16, 32),
        (5, 10, 10, 33, 5),
    ];
    let shape = |(kernel, height, width, channels_in, channels_out)| Shape {
        height,
        width,
        channels_in,
        channels_out,
        kernel,
        pool,
    };
    sizes.map(shape).to_vec()
}
