//! A fully connected layer: which products compute it, forward and backward.

use crate::kernels::matrix::{Right, transpose};
use crate::kernels::sums::bias_gradient;
use crate::kernels::width::Width;

/// One layer and its memory. Its parameters are the weights `[outputs, inputs]` and the bias
/// `[outputs]`.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    width: Width,
    inputs: usize,
    outputs: usize,
    weights_by_input: Right,
    weights_by_output: Right,
    input_by_image: Right,
    transposed: Vec<f32>,
}

impl Dense {
    pub(super) fn new(width: Width, inputs: usize, outputs: usize) -> Self {
        Self {
            width,
            inputs,
            outputs,
            weights_by_input: Right::new(width, inputs, outputs),
            weights_by_output: Right::new(width, outputs, inputs),
            input_by_image: Right::new(width, 1, inputs),
            transposed: Vec::new(),
        }
    }

    pub(super) fn parameters_len(&self) -> usize {
        self.outputs * (self.inputs + 1)
    }

    /// `output` `[images, outputs]` = `input` `[images, inputs]` · weightsᵀ + bias.
    pub(super) fn forward(&mut self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        let (weights, bias) = parameters.split_at(self.outputs * self.inputs);
        self.weights_by_input.pack_transposed(weights);
        self.weights_by_input.multiply(input, bias, output);
    }

    /// From the gradient of the output to those of parameters and input.
    pub(super) fn backward(
        &mut self,
        parameters: &[f32],
        input: &[f32],
        of_output: &[f32],
        for_parameters: &mut [f32],
        for_input: &mut [f32],
    ) {
        let images = input.len() / self.inputs;
        let (for_weights, for_bias) = for_parameters.split_at_mut(self.outputs * self.inputs);
        bias_gradient(self.width, of_output, for_bias);
        // [outputs, images] · [images, inputs]
        self.transposed.resize(of_output.len(), 0.0);
        transpose(of_output, self.outputs, &mut self.transposed);
        self.input_by_image.resize(images);
        self.input_by_image.pack(input);
        self.input_by_image
            .multiply(&self.transposed, &[], for_weights);
        // [images, outputs] · [outputs, inputs]
        self.weights_by_output
            .pack(&parameters[..self.outputs * self.inputs]);
        self.weights_by_output.multiply(of_output, &[], for_input);
    }
}
