//! A convolution with max-pool, batch-norm where there is one, and ReLU: which kernels compute it,
//! and what is kept from the forward pass for the backward.

use super::Activations;
use super::normalisation::Normalisation;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::convolution::{Direct, Epilogue, Shape};
use crate::kernels::sparse::Sparse;
use crate::kernels::sums::bias_gradient;
use crate::kernels::width::Width;
use crate::kernels::winograd::{self, Winograd};

/// One layer and its memory.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    width: Width,
    shape: Shape,
    kernels: Kernels,
    normalisation: Normalisation,
    ones: Vec<f32>,
    /// Highest convolved values `[images, windows, channels]`.
    pooled: Vec<f32>,
    winners: Vec<u32>,
    /// What the next layer sees.
    pub(super) output: Activations,
}

/// How a layer is computed.
#[derive(Clone, Debug)]
enum Kernels {
    /// Tap by tap, and back by the positions that won their windows.
    Taps {
        forward: Direct,
        backward: Box<Sparse>,
    },
    /// Tile by tile.
    Tiles(Winograd),
}

impl Convolution {
    pub(super) fn new(width: Width, shape: Shape, has_norm: bool) -> Self {
        Self {
            width,
            shape,
            kernels: if winograd::is_worthwhile(&shape) {
                Kernels::Tiles(Winograd::new(width, shape))
            } else {
                Kernels::Taps {
                    forward: Direct::new(width, shape),
                    backward: Box::new(Sparse::new(width, shape)),
                }
            },
            normalisation: Normalisation::new(width, shape.channels_out, has_norm),
            ones: vec![1.0; shape.channels_out],
            pooled: Vec::new(),
            winners: Vec::new(),
            output: Activations::new(shape.output_len(), Sparse::slack(width)),
        }
    }

    pub(super) fn parameters_len(&self) -> usize {
        self.shape.weights_len() + self.shape.channels_out + self.normalisation.parameters_len()
    }

    pub(super) fn running(&self) -> Option<&Statistics> {
        self.normalisation.running()
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Statistics> {
        self.normalisation.running_mut()
    }

    /// In training: batch-norm by the batch's statistics.
    pub(super) fn forward(&mut self, parameters: &[f32], input: &Activations) {
        let images = input.images();
        self.output.resize(images);
        let (weights, bias, norm) = self.split(parameters);
        let has_norm = self.normalisation.has_norm();
        let epilogue = Epilogue {
            factors: &self.ones,
            bias,
            relu: !has_norm,
        };
        self.winners.resize(images * self.shape.output_len(), 0);
        if has_norm {
            self.pooled.resize(images * self.shape.output_len(), 0.0);
            self.kernels.forward(
                weights,
                epilogue,
                input.values(),
                &mut self.pooled,
                &mut self.winners,
            );
            self.normalisation
                .forward(norm, &self.pooled, self.output.values_mut());
        } else {
            self.kernels.forward(
                weights,
                epilogue,
                input.values(),
                self.output.values_mut(),
                &mut self.winners,
            );
        }
    }

    /// By the running statistics, folded into the end of the convolution.
    pub(super) fn infer(&mut self, parameters: &[f32], input: &Activations) {
        let images = input.images();
        self.output.resize(images);
        let (weights, bias, norm) = self.split(parameters);
        let (factors, bias) = self.normalisation.folded(norm, bias);
        let epilogue = Epilogue {
            factors: &factors,
            bias: &bias,
            relu: true,
        };
        self.winners.resize(images * self.shape.output_len(), 0);
        self.kernels.forward(
            weights,
            epilogue,
            input.values(),
            self.output.values_mut(),
            &mut self.winners,
        );
    }

    /// From the gradient of the output, which it uses up, to those of the parameters and, if asked
    /// for, of the input.
    pub(super) fn backward(
        &mut self,
        parameters: &[f32],
        input: &mut Activations,
        for_parameters: &mut [f32],
        wants_input: bool,
    ) {
        let (weights, _, _) = self.split(parameters);
        let (for_weights, rest) = for_parameters.split_at_mut(weights.len());
        let (for_bias, for_norm) = rest.split_at_mut(self.shape.channels_out);
        let (output, gradient) = self.output.values_and_gradient();
        self.normalisation
            .backward((&self.pooled, output), gradient, for_norm);
        bias_gradient(self.width, gradient, for_bias);
        match &mut self.kernels {
            Kernels::Taps { backward, .. } => {
                backward.weights(
                    input.values_with_slack(),
                    &self.winners,
                    gradient,
                    for_weights,
                );
                if wants_input {
                    let for_input = input.gradient_with_slack();
                    backward.input(weights, &self.winners, gradient, for_input);
                }
            }
            Kernels::Tiles(winograd) => {
                let (input, for_input) = input.values_and_gradient();
                let for_input = wants_input.then_some(for_input);
                winograd.backward(input, &self.winners, gradient, for_weights, for_input);
            }
        }
    }

    fn split<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], &'a [f32], &'a [f32]) {
        let (weights, rest) = parameters.split_at(self.shape.weights_len());
        let (bias, norm) = rest.split_at(self.shape.channels_out);
        (weights, bias, norm)
    }
}

impl Kernels {
    fn forward(
        &mut self,
        weights: &[f32],
        epilogue: Epilogue,
        input: &[f32],
        output: &mut [f32],
        winners: &mut [u32],
    ) {
        match self {
            Self::Taps { forward, .. } => {
                forward.pack(weights, epilogue);
                forward.forward(input, output, winners);
            }
            Self::Tiles(winograd) => {
                winograd.pack(weights, epilogue);
                winograd.forward(input, output, winners);
            }
        }
    }
}
