//! Decides how a batch flows through a model's layers, forward and backward, over memory that is
//! kept from step to step. Slices in, slices out: it knows nothing of candle's tape, nor of how a
//! gradient is used.

mod convolution;
mod dense;
mod normalisation;

use std::ops::Range;

use crate::architecture::Architecture;
use crate::kernels::activation::{dropout_factors, scale};
use crate::kernels::batch_norm::Statistics;
use crate::kernels::cross_entropy::mean_loss;
use crate::kernels::sparse::Sparse;
use crate::kernels::width::Width;
use crate::philox::{Philox, Stream};

use convolution::Convolution;
use dense::Dense;
use normalisation::{Normalisation, rectify};

/// What a training step's dropout is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Randomness {
    /// The generator of the trial.
    pub philox: Philox,
    /// Steps done before this one.
    pub step: u64,
}

/// Values between two layers and their gradient, for a number of images that may change.
#[derive(Clone, Debug)]
struct Activations {
    values: Vec<f32>,
    gradient: Vec<f32>,
    /// Values of one image.
    of_image: usize,
    /// Values behind the last image, for kernels that read or write a vector too far.
    slack: usize,
}

impl Activations {
    fn new(of_image: usize, slack: usize) -> Self {
        Self {
            values: vec![0.0; slack],
            gradient: Vec::new(),
            of_image,
            slack,
        }
    }

    fn images(&self) -> usize {
        (self.values.len() - self.slack) / self.of_image
    }

    fn resize(&mut self, images: usize) {
        self.values.resize(images * self.of_image + self.slack, 0.0);
    }

    fn values(&self) -> &[f32] {
        &self.values[..self.values.len() - self.slack]
    }

    fn values_with_slack(&self) -> &[f32] {
        &self.values
    }

    fn values_mut(&mut self) -> &mut [f32] {
        let end = self.values.len() - self.slack;
        &mut self.values[..end]
    }

    fn gradient_with_slack(&mut self) -> &mut [f32] {
        self.gradient.resize(self.values.len(), 0.0);
        &mut self.gradient
    }

    fn values_and_gradient(&mut self) -> (&[f32], &mut [f32]) {
        let end = self.values.len() - self.slack;
        self.gradient.resize(self.values.len(), 0.0);
        (&self.values[..end], &mut self.gradient[..end])
    }
}

/// Where each layer's parameters lie among all of them, in this order.
#[derive(Clone, Debug)]
struct Ranges {
    convolutions: Vec<Range<usize>>,
    hidden: Range<usize>,
    norm: Range<usize>,
    output: Range<usize>,
}

/// All parameters, to be asked for those of a layer.
#[derive(Clone, Copy)]
struct Parts<'a> {
    ranges: &'a Ranges,
    all: &'a [f32],
}

impl<'a> Parts<'a> {
    fn new(ranges: &'a Ranges, all: &'a [f32]) -> Self {
        assert_eq!(all.len(), ranges.output.end);
        Self { ranges, all }
    }

    fn convolution(self, index: usize) -> &'a [f32] {
        &self.all[self.ranges.convolutions[index].clone()]
    }

    fn hidden(self) -> &'a [f32] {
        &self.all[self.ranges.hidden.clone()]
    }

    fn norm(self) -> &'a [f32] {
        &self.all[self.ranges.norm.clone()]
    }

    fn output(self) -> &'a [f32] {
        &self.all[self.ranges.output.clone()]
    }
}

/// A model's layers and the memory that they work in.
///
/// (valid convolution → 2×2 max-pool, but in the middle → batch-norm → ReLU) × 2 or 3 → hidden layer →
/// batch-norm → ReLU → dropout → output layer. Batch-norm after the pool trains as well as before it
/// and leaves the pool's gradient sparse.
#[derive(Clone, Debug)]
pub struct Network {
    ranges: Ranges,
    dropout: f64,
    classes: usize,
    input: Activations,
    convolutions: Vec<Convolution>,
    hidden: Dense,
    /// Of the hidden layer, before batch-norm.
    sums: Vec<f32>,
    normalisation: Normalisation,
    activated: Activations,
    /// What dropout left of `activated`.
    kept: Activations,
    dropout_factors: Vec<f32>,
    output: Dense,
    logits: Activations,
}

impl Network {
    /// The network of an architecture, computed with vectors of `width`.
    #[must_use]
    pub fn new(architecture: &Architecture, width: Width) -> Self {
        let slack = Sparse::slack(width);
        let units = architecture.hidden_units();
        let classes = architecture.classes();
        let has_norm = architecture.batch_norm();
        let shapes = architecture.convolutions().into_iter();
        let convolutions: Vec<Convolution> = shapes
            .map(|shape| Convolution::new(width, shape, has_norm))
            .collect();
        let hidden = Dense::new(width, architecture.features(), units);
        let normalisation = Normalisation::new(width, units, has_norm);
        let output = Dense::new(width, units, classes);
        let mut end = 0;
        let mut next = |length| {
            end += length;
            end - length..end
        };
        Self {
            ranges: Ranges {
                convolutions: convolutions
                    .iter()
                    .map(|layer| next(layer.parameters_len()))
                    .collect(),
                hidden: next(hidden.parameters_len()),
                norm: next(normalisation.parameters_len()),
                output: next(output.parameters_len()),
            },
            dropout: architecture.dropout(),
            classes,
            input: Activations::new(architecture.pixels(), slack),
            convolutions,
            hidden,
            sums: Vec::new(),
            normalisation,
            activated: Activations::new(units, 0),
            kept: Activations::new(units, 0),
            dropout_factors: Vec::new(),
            output,
            logits: Activations::new(classes, 0),
        }
    }

    /// How many parameters it has.
    #[must_use]
    pub fn parameters_len(&self) -> usize {
        self.ranges.output.end
    }

    /// Running statistics of each batch-norm, in order of layers.
    pub fn running(&self) -> impl Iterator<Item = &Statistics> {
        let convolutions = self.convolutions.iter().filter_map(Convolution::running);
        convolutions.chain(self.normalisation.running())
    }

    /// As [`Network::running`], to be changed.
    pub fn running_mut(&mut self) -> impl Iterator<Item = &mut Statistics> {
        let convolutions = self
            .convolutions
            .iter_mut()
            .filter_map(Convolution::running_mut);
        convolutions.chain(self.normalisation.running_mut())
    }

    /// Room for `images` normalised images `[images, height, width]`, to be written before a pass.
    pub fn input(&mut self, images: usize) -> &mut [f32] {
        self.input.resize(images);
        self.input.values_mut()
    }

    /// The loss of the images in [`Network::input`] in training: batch-norm by the batch's
    /// statistics, which the running ones follow, and dropout.
    ///
    /// # Panics
    /// If there are not as many labels as images, or not as many parameters as it has.
    pub fn loss(
        &mut self,
        parameters: &[f32],
        labels: &[u8],
        label_smoothing: f64,
        randomness: Randomness,
    ) -> f32 {
        let images = self.input.images();
        assert_eq!(labels.len(), images);
        let ranges = self.ranges.clone();
        let of = Parts::new(&ranges, parameters);
        let mut features = &self.input;
        for (index, convolution) in self.convolutions.iter_mut().enumerate() {
            convolution.forward(of.convolution(index), features);
            features = &convolution.output;
        }
        self.activated.resize(images);
        self.sums.resize(self.activated.values().len(), 0.0);
        self.hidden
            .forward(of.hidden(), features.values(), &mut self.sums);
        if !self.normalisation.has_norm() {
            rectify(&mut self.sums);
        }
        self.normalisation
            .forward(of.norm(), &self.sums, self.activated.values_mut());
        self.drop_units(randomness);
        self.logits.resize(images);
        self.output
            .forward(of.output(), self.kept.values(), self.logits.values_mut());
        let (logits, gradient) = self.logits.values_and_gradient();
        gradient.copy_from_slice(logits);
        mean_loss(gradient, labels, self.classes, label_smoothing)
    }

    fn drop_units(&mut self, Randomness { philox, step }: Randomness) {
        self.kept.resize(self.activated.images());
        let kept = self.kept.values_mut();
        kept.copy_from_slice(self.activated.values());
        if self.dropout > 0.0 {
            self.dropout_factors.resize(kept.len(), 0.0);
            let draws = philox.draws(Stream::Dropout, step);
            dropout_factors(&mut self.dropout_factors, self.dropout, draws);
            scale(kept, &self.dropout_factors);
        }
    }

    /// The gradient of the last [`Network::loss`] for the parameters, which must be the same.
    ///
    /// # Panics
    /// If there are not as many parameters as it has.
    pub fn gradient(&mut self, parameters: &[f32], gradient: &mut [f32]) {
        let of = Parts::new(&self.ranges, parameters);
        let ranges = &self.ranges;
        let (_, of_logits) = self.logits.values_and_gradient();
        let (kept, for_kept) = self.kept.values_and_gradient();
        let for_output = &mut gradient[ranges.output.clone()];
        self.output
            .backward(of.output(), kept, of_logits, for_output, for_kept);
        if self.dropout > 0.0 {
            scale(for_kept, &self.dropout_factors);
        }
        let activated = self.activated.values();
        let for_norm = &mut gradient[ranges.norm.clone()];
        self.normalisation
            .backward((&self.sums, activated), for_kept, for_norm);
        let last = self.convolutions.last_mut().expect("a network convolves");
        let (features, for_features) = last.output.values_and_gradient();
        let for_hidden = &mut gradient[ranges.hidden.clone()];
        self.hidden
            .backward(of.hidden(), features, for_kept, for_hidden, for_features);
        for index in (0..self.convolutions.len()).rev() {
            let (before, rest) = self.convolutions.split_at_mut(index);
            // The first layer's input is data: nobody asks for its gradient.
            let wants_input = index > 0;
            let input = before
                .last_mut()
                .map_or(&mut self.input, |layer| &mut layer.output);
            let for_layer = &mut gradient[ranges.convolutions[index].clone()];
            rest[0].backward(of.convolution(index), input, for_layer, wants_input);
        }
    }

    /// The logits `[images, classes]` of the images in [`Network::input`] by the running statistics,
    /// without dropout.
    ///
    /// # Panics
    /// If there are not as many parameters as it has.
    pub fn infer(&mut self, parameters: &[f32]) -> &[f32] {
        let images = self.input.images();
        let of = Parts::new(&self.ranges, parameters);
        let mut features = &self.input;
        for (index, convolution) in self.convolutions.iter_mut().enumerate() {
            convolution.infer(of.convolution(index), features);
            features = &convolution.output;
        }
        self.activated.resize(images);
        let activated = self.activated.values_mut();
        self.hidden
            .forward(of.hidden(), features.values(), activated);
        self.normalisation.infer(of.norm(), activated);
        self.logits.resize(images);
        self.output.forward(
            of.output(),
            self.activated.values(),
            self.logits.values_mut(),
        );
        self.logits.values()
    }
}
