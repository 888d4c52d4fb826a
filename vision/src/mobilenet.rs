//! Decides what MobileNet v1 computes: which layers, of which sizes, with which tensors of a file. It
//! does not know pictures, only numbers.
//!
//! Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
//! Applications" (2017), table 1.

use tabsweep_trainer::kernels::cross_entropy::softmax;
use tabsweep_trainer::kernels::depthwise::{Depthwise, Grid};
use tabsweep_trainer::kernels::matrix::Right;
use tabsweep_trainer::kernels::pointwise::Pointwise;
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::tensor_file::{TensorFile, TensorFileError};

use crate::separable::Separable;
use crate::stem::Stem;

/// Channels of the first layer in the full network.
const STEM_CHANNELS: usize = 32;

/// Channels out and stride of each separable layer in the full network.
const LAYERS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Share of the full network's channels.
    pub width: f64,
    /// Rows of an image.
    pub image_height: usize,
    /// Columns of an image.
    pub image_width: usize,
    /// Channels of an image.
    pub image_channels: usize,
    /// Classes it tells apart.
    pub classes: usize,
    /// What is added to the variance of each layer's own batch-norm; none, where that is part of
    /// weights and biases.
    pub batch_norm_epsilon: Option<f64>,
}

impl Size {
    /// A share of the full network's channels: rounded down, at least 8.
    fn channels(&self, full: usize) -> usize {
        ((full as f64 * self.width) as usize).max(8)
    }
}

/// A network with its weights, and room for what is between its layers.
#[derive(Clone, Debug)]
pub struct MobileNet {
    stem: Stem,
    layers: Vec<Separable>,
    classifier: Right,
    classifier_bias: Vec<f32>,
    features: usize,
    /// What comes in and goes out of a layer, in turns.
    values: [Vec<f32>; 2],
    strip: Vec<f32>,
}

impl MobileNet {
    /// The network whose tensors are in a safetensors file, in single or half precision:
    /// `stem`, `blocks.N.depthwise`, `blocks.N.pointwise` and `classifier`, each with a `weight` in
    /// PyTorch's order and a `bias`, or instead of the bias, before the classifier, with
    /// `batch_norm.weight`, `.bias`, `.running_mean` and `.running_var`.
    ///
    /// # Errors
    /// A tensor is missing, has another shape or is not finite, or one does not belong there.
    pub fn load(size: Size, weights: &[u8]) -> Result<Self, TensorFileError> {
        let loader = Loader {
            file: TensorFile::parse(weights)?,
            epsilon: size.batch_norm_epsilon,
        };
        loader.refuse_unexpected()?;
        let mut grid = Grid {
            height: size.image_height,
            width: size.image_width,
            stride: 2,
        };
        let mut channels = size.channels(STEM_CHANNELS);
        let (kernel, bias) = loader.layer("stem", channels, &[size.image_channels, 3, 3])?;
        let stem = Stem::new(grid, size.image_channels, &kernel, &bias);
        let mut most = grid.output_height() * grid.output_width() * channels;
        let mut layers = Vec::with_capacity(LAYERS.len());
        for (index, &(channels_out, stride)) in LAYERS.iter().enumerate() {
            grid = Grid {
                height: grid.output_height(),
                width: grid.output_width(),
                stride,
            };
            let channels_out = size.channels(channels_out);
            let layer = loader.separable(index, grid, channels, channels_out)?;
            most = most.max(layer.output_len());
            layers.push(layer);
            channels = channels_out;
        }
        let (classifier, classifier_bias) = loader.classifier(size.classes, channels)?;
        Ok(Self {
            stem,
            layers,
            classifier,
            classifier_bias,
            features: channels,
            values: [vec![0.0; most], vec![0.0; most]],
            strip: Vec::new(),
        })
    }

    /// The probability of each class for an image `[height, width, channels]`.
    ///
    /// # Panics
    /// If it has another size.
    pub fn probabilities(&mut self, image: &[f32]) -> Vec<f32> {
        let [from, to] = &mut self.values;
        let mut length = self.stem.output_len();
        self.stem.apply(image, &mut from[..length]);
        for layer in &self.layers {
            let output = &mut to[..layer.output_len()];
            layer.apply(&from[..length], &mut self.strip, output);
            length = output.len();
            std::mem::swap(from, to);
        }
        let features = mean(&from[..length], self.features);
        let mut answers = vec![0.0; self.classifier_bias.len()];
        self.classifier
            .multiply(&features, &self.classifier_bias, &mut answers);
        let classes = answers.len();
        softmax(&mut answers, classes);
        answers
    }
}

/// The mean of each channel over all positions `[positions, channels]`, in their order.
fn mean(values: &[f32], channels: usize) -> Vec<f32> {
    let mut means = vec![0.0; channels];
    for position in values.chunks_exact(channels) {
        for (sum, value) in means.iter_mut().zip(position) {
            *sum += value;
        }
    }
    let count = (values.len() / channels) as f32;
    for sum in &mut means {
        *sum /= count;
    }
    means
}

/// Weights and biases of layers out of a file.
struct Loader<'a> {
    file: TensorFile<'a>,
    epsilon: Option<f64>,
}

impl Loader<'_> {
    fn separable(
        &self,
        index: usize,
        grid: Grid,
        channels: usize,
        channels_out: usize,
    ) -> Result<Separable, TensorFileError> {
        let layer = |half: &str, outputs, of_output: &[usize]| {
            self.layer(&format!("blocks.{index}.{half}"), outputs, of_output)
        };
        let width = Width::widest();
        let (weights, bias) = layer("depthwise", channels, &[1, 3, 3])?;
        let depthwise = Depthwise::new(width, &weights, &bias);
        let (weights, bias) = layer("pointwise", channels_out, &[channels, 1, 1])?;
        let pointwise = Pointwise::new(width, &weights, &bias);
        Ok(Separable::new(grid, depthwise, pointwise))
    }

    fn classifier(
        &self,
        classes: usize,
        channels: usize,
    ) -> Result<(Right, Vec<f32>), TensorFileError> {
        let shape = [classes, channels, 1, 1];
        let weights = self.file.widened_floats("classifier.weight", &shape)?;
        let bias = self.file.widened_floats("classifier.bias", &[classes])?;
        let mut classifier = Right::new(Width::widest(), channels, classes);
        classifier.pack_transposed(&weights);
        Ok((classifier, bias))
    }

    /// Weights `[outputs, …of_output]` and biases, with the layer's own batch-norm folded in.
    fn layer(
        &self,
        name: &str,
        outputs: usize,
        of_output: &[usize],
    ) -> Result<(Vec<f32>, Vec<f32>), TensorFileError> {
        let shape = [&[outputs], of_output].concat();
        let mut weights = self
            .file
            .widened_floats(&format!("{name}.weight"), &shape)?;
        let vector = |part: &str| {
            self.file
                .widened_floats(&format!("{name}.{part}"), &[outputs])
        };
        let Some(epsilon) = self.epsilon else {
            return Ok((weights, vector("bias")?));
        };
        let scales = vector("batch_norm.weight")?;
        let mut biases = vector("batch_norm.bias")?;
        let means = vector("batch_norm.running_mean")?;
        let variances = vector("batch_norm.running_var")?;
        let rows = weights.chunks_exact_mut(of_output.iter().product());
        for (output, row) in rows.enumerate() {
            let deviation = (f64::from(variances[output]) + epsilon).sqrt();
            let factor = f64::from(scales[output]) / deviation;
            biases[output] = (f64::from(biases[output]) - f64::from(means[output]) * factor) as f32;
            for weight in row {
                *weight = (f64::from(*weight) * factor) as f32;
            }
        }
        Ok((weights, biases))
    }

    fn refuse_unexpected(&self) -> Result<(), TensorFileError> {
        let parts: &[&str] = match self.epsilon {
            None => &["weight", "bias"],
            Some(_) => &[
                "weight",
                "batch_norm.weight",
                "batch_norm.bias",
                "batch_norm.running_mean",
                "batch_norm.running_var",
            ],
        };
        let blocks = (0..LAYERS.len()).flat_map(|index| {
            ["depthwise", "pointwise"].map(|half| format!("blocks.{index}.{half}"))
        });
        let names = std::iter::once("stem".to_owned()).chain(blocks);
        let with_parts =
            names.flat_map(|name| parts.iter().map(move |part| format!("{name}.{part}")));
        let expected: std::collections::BTreeSet<String> = with_parts
            .chain(["classifier.weight", "classifier.bias"].map(str::to_owned))
            .collect();
        self.file.refuse_unexpected(|name| expected.contains(name))
    }
}
