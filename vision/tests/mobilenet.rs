//! The network is what the paper says: held to plain loops in double precision on drawn weights.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use tabsweep_trainer::philox::{Philox, Stream};
use tabsweep_trainer::tensor_file::{Dtype, Entry, TensorFileError, serialize};
use tabsweep_vision::mobilenet::{MobileNet, Size};

const STRIDES: [usize; 13] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];
const CHANNELS: [usize; 13] = [
    64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024,
];
const EPSILON: f64 = 1e-3;

/// Odd sizes, so that the padding is uneven.
fn size(batch_norm_epsilon: Option<f64>) -> Size {
    Size {
        width: 0.25,
        image_height: 45,
        image_width: 38,
        image_channels: 3,
        classes: 11,
        batch_norm_epsilon,
    }
}

/// Weights and biases, or batch-norms, by layer.
struct Drawn {
    entries: Vec<Entry>,
    seed: u64,
}

impl Drawn {
    fn values(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        self.seed += 1;
        let mut draws = Philox::new(self.seed).draws(Stream::Weights, 0);
        (0..count)
            .map(|_| low + (high - low) * draws.unit())
            .collect()
    }

    fn add(&mut self, name: &str, shape: &[usize], (low, high): (f32, f32)) -> Vec<f32> {
        let values = self.values(shape.iter().product(), low, high);
        self.entries.push(Entry::floats(name, shape, &values));
        values
    }

    /// Weights and biases as they are used.
    fn layer(&mut self, name: &str, shape: &[usize], has_batch_norm: bool) -> Layer {
        let fan_in: usize = shape[1..].iter().product();
        let reach = (6.0 / fan_in as f32).sqrt();
        let mut weights = wide(&self.add(&format!("{name}.weight"), shape, (-reach, reach)));
        let outputs = [shape[0]];
        if !has_batch_norm {
            let bias = wide(&self.add(&format!("{name}.bias"), &outputs, (-0.2, 0.5)));
            return Layer { weights, bias };
        }
        let mut part = |part: &str, range| {
            wide(&self.add(&format!("{name}.batch_norm.{part}"), &outputs, range))
        };
        let (scale, shift) = (part("weight", (0.5, 1.5)), part("bias", (-0.2, 0.5)));
        let (mean, variance) = (
            part("running_mean", (-0.3, 0.3)),
            part("running_var", (0.5, 2.0)),
        );
        let factor = |output: usize| scale[output] / (variance[output] + EPSILON).sqrt();
        for (at, weight) in weights.iter_mut().enumerate() {
            *weight *= factor(at / fan_in);
        }
        let bias = (0..shape[0]).map(|output| shift[output] - mean[output] * factor(output));
        Layer {
            bias: bias.collect(),
            weights,
        }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

struct Layer {
    weights: Vec<f64>,
    bias: Vec<f64>,
}

/// `[height, width, channels]`.
struct Image {
    height: usize,
    width: usize,
    values: Vec<f64>,
}

impl Image {
    fn channels(&self) -> usize {
        self.values.len() / (self.height * self.width)
    }

    fn at(&self, row: isize, column: isize, channel: usize) -> f64 {
        let inside =
            (0..self.height as isize).contains(&row) && (0..self.width as isize).contains(&column);
        if !inside {
            return 0.0;
        }
        let place = row as usize * self.width + column as usize;
        self.values[place * self.channels() + channel]
    }

    /// A convolution with ReLU6; `depthwise`, of each channel by itself.
    fn convolved(&self, layer: &Layer, side: usize, stride: usize, depthwise: bool) -> Image {
        let before = |length: usize| {
            let total = ((length.div_ceil(stride) - 1) * stride + side).saturating_sub(length);
            (total / 2) as isize
        };
        let (above, left) = (before(self.height), before(self.width));
        let (height, width) = (self.height.div_ceil(stride), self.width.div_ceil(stride));
        let of_output = layer.weights.len() / layer.bias.len();
        let mut values = Vec::new();
        for position in 0..height * width {
            let row = (position / width * stride) as isize - above;
            let column = (position % width * stride) as isize - left;
            for (output, bias) in layer.bias.iter().enumerate() {
                let mut sum = *bias;
                for (index, weight) in layer.weights[output * of_output..][..of_output]
                    .iter()
                    .enumerate()
                {
                    let (channel, tap) = (index / (side * side), index % (side * side));
                    let channel = if depthwise { output } else { channel };
                    let (down, right) = ((tap / side) as isize, (tap % side) as isize);
                    sum += weight * self.at(row + down, column + right, channel);
                }
                values.push(sum.clamp(0.0, 6.0));
            }
        }
        Image {
            height,
            width,
            values,
        }
    }
}

/// A file of weights, an image, and the probabilities by plain loops.
fn drawn(has_batch_norm: bool) -> (Vec<Entry>, Vec<f32>, Vec<f64>) {
    let mut drawn = Drawn {
        entries: Vec::new(),
        seed: 40,
    };
    let (height, width) = (45, 38);
    let pixels = drawn.values(height * width * 3, -1.0, 1.0);
    let mut image = Image {
        height,
        width,
        values: wide(&pixels),
    };
    let stem = drawn.layer("stem", &[8, 3, 3, 3], has_batch_norm);
    image = image.convolved(&stem, 3, 2, false);
    for (index, (stride, channels)) in STRIDES.into_iter().zip(CHANNELS).enumerate() {
        let (from, to) = (image.channels(), channels / 4);
        let name = format!("blocks.{index}");
        let layer = drawn.layer(
            &format!("{name}.depthwise"),
            &[from, 1, 3, 3],
            has_batch_norm,
        );
        image = image.convolved(&layer, 3, stride, true);
        let layer = drawn.layer(
            &format!("{name}.pointwise"),
            &[to, from, 1, 1],
            has_batch_norm,
        );
        image = image.convolved(&layer, 1, 1, false);
    }
    let classifier = drawn.layer("classifier", &[11, 256, 1, 1], false);
    let logits = logits(&image, &classifier);
    let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let probabilities = logits.iter().map(|logit| logit.exp() / total).collect();
    (drawn.entries, pixels, probabilities)
}

fn logits(image: &Image, classifier: &Layer) -> Vec<f64> {
    let channels = image.channels();
    let positions = image.values.len() / channels;
    let mean = |channel: usize| {
        let values = image.values.iter().skip(channel).step_by(channels);
        values.sum::<f64>() / positions as f64
    };
    let rows = classifier
        .weights
        .chunks_exact(channels)
        .zip(&classifier.bias);
    rows.map(|(weights, bias)| {
        let products = weights
            .iter()
            .enumerate()
            .map(|(at, weight)| weight * mean(at));
        products.sum::<f64>() + bias
    })
    .collect()
}

#[track_caller]
fn check(has_batch_norm: bool) {
    let (entries, pixels, expected) = drawn(has_batch_norm);
    let size = size(has_batch_norm.then_some(EPSILON));
    let mut network = MobileNet::load(size, &serialize(&entries)).unwrap();
    let found = network.probabilities(&pixels);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-5,
            "{found} is not {expected}"
        );
    }
    // The classes are told apart, or nothing was tested.
    let largest = expected.iter().copied().fold(0.0, f64::max);
    assert!(largest > 2.0 / 11.0, "{expected:?}");
    let again = network.probabilities(&pixels);
    assert_eq!(again, found);
}

#[test]
fn it_is_the_papers_network() {
    check(false);
}

#[test]
fn batch_norms_are_folded_in() {
    check(true);
}

#[test]
fn halves_are_widened_and_faults_named() {
    let (entries, pixels, _) = drawn(false);
    let halves = |entry: &Entry| Entry {
        dtype: Dtype::F16,
        // One, whatever it was.
        bytes: entry
            .bytes
            .chunks_exact(4)
            .flat_map(|_| [0x00, 0x3c])
            .collect(),
        ..entry.clone()
    };
    let as_halves: Vec<Entry> = entries.iter().map(halves).collect();
    let mut network = MobileNet::load(size(None), &serialize(&as_halves)).unwrap();
    let even = network.probabilities(&pixels);
    assert!(even.iter().all(|value| *value == even[0]), "{even:?}");

    let load = |entries: &[Entry]| MobileNet::load(size(None), &serialize(entries)).unwrap_err();
    let found = load(&entries[1..]);
    assert!(matches!(found, TensorFileError::Missing { name } if name == "stem.weight"));
    let more = [
        &entries[..],
        &[Entry::floats("blocks.13.bias", &[1], &[0.0])],
    ]
    .concat();
    let found = load(&more);
    assert!(matches!(found, TensorFileError::Unexpected { name } if name == "blocks.13.bias"));
    let mut other = entries.clone();
    other[0] = Entry::floats("stem.weight", &[8, 27], &[0.0; 216]);
    assert!(matches!(load(&other), TensorFileError::WrongShape { .. }));
}
