//! Decides how a layer's outputs reach the next: through batch-norm where there is one, and a ReLU.

use crate::kernels::activation::{relu, relu_gradient};
use crate::kernels::batch_norm::{BatchNorm, Statistics};
use crate::kernels::width::Width;

/// Share of the batch's statistics in the running ones after each step, as in PyTorch.
const RUNNING_MOMENTUM: f32 = 0.1;

/// Batch-norm, its running statistics, and a ReLU; or the ReLU alone.
#[derive(Clone, Debug)]
pub(super) struct Normalisation {
    norm: Option<Norm>,
}

#[derive(Clone, Debug)]
struct Norm {
    kernel: BatchNorm,
    running: Statistics,
    channels: usize,
    /// Whether the last forward pass took the batch's own statistics.
    of_batch: bool,
}

impl Normalisation {
    pub(super) fn new(width: Width, channels: usize, has_norm: bool) -> Self {
        let norm = || Norm {
            kernel: BatchNorm::new(width, channels),
            running: Statistics {
                mean: vec![0.0; channels],
                variance: vec![1.0; channels],
            },
            channels,
            of_batch: false,
        };
        Self {
            norm: has_norm.then(norm),
        }
    }

    pub(super) fn has_norm(&self) -> bool {
        self.norm.is_some()
    }

    /// How many parameters it has: scale and shift of each channel.
    pub(super) fn parameters_len(&self) -> usize {
        self.norm.as_ref().map_or(0, |norm| 2 * norm.channels)
    }

    /// Running statistics, if there are any.
    pub(super) fn running(&self) -> Option<&Statistics> {
        self.norm.as_ref().map(|norm| &norm.running)
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Statistics> {
        self.norm.as_mut().map(|norm| &mut norm.running)
    }

    /// Normalises by the batch's statistics, which the running ones follow. `values` and `result`
    /// are `[rows, channels]`; without batch-norm, `values` must have gone through the ReLU already
    /// and are copied.
    pub(super) fn forward(&mut self, parameters: &[f32], values: &[f32], result: &mut [f32]) {
        let Some(norm) = &mut self.norm else {
            result.copy_from_slice(values);
            return;
        };
        let rows = values.len() / norm.channels;
        // A last batch of one image may leave a channel with a single value, which has no variance
        // to normalise by: the running statistics stand in, and stay as they are.
        norm.of_batch = rows > 1;
        if norm.of_batch {
            norm.kernel.measure(values);
            norm.follow(rows);
        } else {
            norm.kernel.adopt(&norm.running);
        }
        let (scale, shift) = parameters.split_at(norm.channels);
        norm.kernel.forward(values, scale, shift, result);
    }

    /// From the gradient for the result to the one for the values, in place, and the parameters'.
    pub(super) fn backward(
        &mut self,
        (values, result): (&[f32], &[f32]),
        gradient: &mut [f32],
        for_parameters: &mut [f32],
    ) {
        match &mut self.norm {
            None => relu_gradient(result, gradient),
            Some(norm) => {
                let for_parameters = for_parameters.split_at_mut(norm.channels);
                let of_batch = norm.of_batch;
                norm.kernel
                    .backward((values, result), of_batch, gradient, for_parameters);
            }
        }
    }

    /// Normalises `values` `[rows, channels]` by the running statistics, and rectifies them.
    pub(super) fn infer(&self, parameters: &[f32], values: &mut [f32]) {
        if let Some(norm) = &self.norm {
            let (factors, added) = self.folded(parameters, &vec![0.0; norm.channels]);
            for row in values.chunks_exact_mut(norm.channels) {
                for ((value, factor), added) in row.iter_mut().zip(&factors).zip(&added) {
                    *value = *value * factor + added;
                }
            }
        }
        relu(values);
    }

    /// What the running statistics, scale and shift make of one value of a channel: a factor and
    /// something to add, for `bias` added before.
    pub(super) fn folded(&self, parameters: &[f32], bias: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let Some(norm) = &self.norm else {
            return (vec![1.0; bias.len()], bias.to_vec());
        };
        let (scale, shift) = parameters.split_at(norm.channels);
        let inverse = norm.running.inverse_deviation();
        let factors: Vec<f32> = inverse.iter().zip(scale).map(|(a, b)| a * b).collect();
        let added = |channel: usize| {
            (bias[channel] - norm.running.mean[channel]) * factors[channel] + shift[channel]
        };
        let added = (0..norm.channels).map(added).collect();
        (factors, added)
    }
}

impl Norm {
    fn follow(&mut self, rows: usize) {
        // As in PyTorch, the running variance is that of the population.
        let unbiased = (rows as f64 / (rows as f64 - 1.0)) as f32;
        let batch = self.kernel.statistics();
        blend(&mut self.running.mean, &batch.mean, 1.0);
        blend(&mut self.running.variance, &batch.variance, unbiased);
    }
}

fn blend(running: &mut [f32], batch: &[f32], factor: f32) {
    for (running, batch) in running.iter_mut().zip(batch) {
        *running = (1.0 - RUNNING_MOMENTUM) * *running + RUNNING_MOMENTUM * (batch * factor);
    }
}

/// ReLU in place, for values that nothing normalises.
pub(super) fn rectify(values: &mut [f32]) {
    relu(values);
}
