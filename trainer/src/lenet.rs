//! Decides what the model is: a LeNet of two convolutions and a hidden layer. It does not know how it
//! is trained or where weights are kept.
//!
//! (valid convolution → 2×2 max-pool → batch-norm → ReLU) × 2 → flatten → hidden layer → batch-norm
//! → ReLU → dropout → output layer. Batch-norm after the pool trains as well as before it and leaves
//! the pool's gradient sparse. Features are flattened in PyTorch's order.

use candle_core::{Device, Result, Tensor, Var};

use crate::architecture::{Architecture, Role, TensorSpec};
use crate::kernels::activation::dropout_factors;
use crate::kernels::batch_norm::Statistics;
use crate::layers;
use crate::philox::{Philox, Stream};

/// Share of the batch's statistics in the running ones after each step, as in PyTorch.
const RUNNING_MOMENTUM: f32 = 0.1;

/// What a training step's dropout is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Randomness {
    /// The generator of the trial.
    pub philox: Philox,
    /// Steps done before this one.
    pub step: u64,
}

/// A model with values in its tensors, which change in place as it is trained.
#[derive(Clone, Debug)]
pub struct LeNet {
    architecture: Architecture,
    tensors: Vec<(TensorSpec, Var)>,
}

impl LeNet {
    /// The model whose tensor of each spec has the values that `values` gives.
    ///
    /// # Errors
    /// The first error of `values`, or one of candle's if it gives another number of values than
    /// the spec's shape has.
    pub fn new<E: From<candle_core::Error>>(
        architecture: Architecture,
        mut values: impl FnMut(&TensorSpec) -> std::result::Result<Vec<f32>, E>,
    ) -> std::result::Result<Self, E> {
        let tensors = architecture
            .tensors()
            .into_iter()
            .map(|spec| {
                let var = Var::from_vec(values(&spec)?, spec.shape.as_slice(), &Device::Cpu)?;
                Ok((spec, var))
            })
            .collect::<std::result::Result<_, E>>()?;
        Ok(Self {
            architecture,
            tensors,
        })
    }

    /// Its sizes.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// All tensors, in the order of [`Architecture::tensors`].
    #[must_use]
    pub fn tensors(&self) -> &[(TensorSpec, Var)] {
        &self.tensors
    }

    /// The tensors that an optimiser changes, in order.
    #[must_use]
    pub fn trained(&self) -> Vec<(&TensorSpec, &Var)> {
        let is_trained = |spec: &TensorSpec| !matches!(spec.role, Role::Running { .. });
        self.tensors
            .iter()
            .filter(|(spec, _)| is_trained(spec))
            .map(|(spec, var)| (spec, var))
            .collect()
    }

    /// Whether all values are finite.
    ///
    /// # Errors
    /// If a tensor can't be read, which would be a fault of candle's.
    pub fn is_finite(&self) -> Result<bool> {
        for (_, var) in &self.tensors {
            if !layers::is_finite(var)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Logits `[images, classes]` in training: batch-norm by the batch's statistics, which the
    /// running ones follow, and dropout. `images` are normalised, `[count, height, width]`.
    ///
    /// # Errors
    /// If the number of pixels does not fit.
    pub fn forward_training(&self, images: Vec<f32>, randomness: Randomness) -> Result<Tensor> {
        self.forward(images, &Pass::Training(randomness))
    }

    /// Logits `[images, classes]` by the running statistics, without dropout or gradients.
    ///
    /// # Errors
    /// If the number of pixels does not fit.
    pub fn forward_inference(&self, images: Vec<f32>) -> Result<Tensor> {
        self.forward(images, &Pass::Inference)
    }

    fn forward(&self, images: Vec<f32>, pass: &Pass) -> Result<Tensor> {
        let Architecture { height, width, .. } = self.architecture;
        let count = images.len() / self.architecture.pixels();
        let input = Tensor::from_vec(images, (count, height, width, 1), &Device::Cpu)?;
        let first = self.convolution("conv1", "norm1", &input, pass)?;
        let second = self.convolution("conv2", "norm2", &first, pass)?;
        // [count, rows, columns, channels] → [count, channels, rows, columns], as PyTorch flattens.
        let features = second
            .permute((0, 3, 1, 2))?
            .contiguous()?
            .flatten_from(1)?;
        let hidden = self.linear("hidden", &features, pass)?;
        let hidden = layers::relu(&self.normalised("norm3", hidden, pass)?)?;
        self.linear("output", &self.dropped(hidden, pass)?, pass)
    }

    fn convolution(&self, conv: &str, norm: &str, input: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (weight, bias) = self.weight_and_bias(conv, pass);
        let pooled = layers::convolve_and_pool(input, &weight, &bias)?;
        layers::relu(&self.normalised(norm, pooled, pass)?)
    }

    fn linear(&self, layer: &str, input: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (weight, bias) = self.weight_and_bias(layer, pass);
        layers::linear(input, &weight, &bias)
    }

    fn dropped(&self, hidden: Tensor, pass: &Pass) -> Result<Tensor> {
        let dropout = self.architecture.dropout;
        match pass {
            Pass::Training(Randomness { philox, step }) if dropout > 0.0 => {
                let draws = philox.draws(Stream::Dropout, *step);
                let factors = dropout_factors(hidden.elem_count(), dropout, draws);
                layers::scale(&hidden, factors)
            }
            _ => Ok(hidden),
        }
    }

    /// Batch-norm, if the architecture has it.
    ///
    /// A last batch of one image may leave a channel with a single value, which has no variance to
    /// normalise by: the running statistics stand in, and stay as they are.
    fn normalised(&self, layer: &str, input: Tensor, pass: &Pass) -> Result<Tensor> {
        if !self.architecture.batch_norm {
            return Ok(input);
        }
        let (scale, shift) = self.weight_and_bias(layer, pass);
        let rows = input.elem_count() / scale.elem_count();
        if matches!(pass, Pass::Training(_)) && rows > 1 {
            let (result, statistics) = layers::batch_norm(&input, &scale, &shift)?;
            self.follow(layer, &statistics, rows)?;
            Ok(result)
        } else {
            layers::normalise(&input, self.running(layer)?, &scale, &shift)
        }
    }

    fn running(&self, layer: &str) -> Result<Statistics> {
        Ok(Statistics {
            mean: self.var(layer, "running_mean").to_vec1()?,
            variance: self.var(layer, "running_var").to_vec1()?,
        })
    }

    fn follow(&self, layer: &str, batch: &Statistics, rows: usize) -> Result<()> {
        let running = self.running(layer)?;
        // As in PyTorch, the running variance is that of the population.
        let unbiased = (rows as f64 / (rows as f64 - 1.0)) as f32;
        let mean = blended(&running.mean, &batch.mean, 1.0);
        let variance = blended(&running.variance, &batch.variance, unbiased);
        for (name, values) in [("running_mean", mean), ("running_var", variance)] {
            let var = self.var(layer, name);
            var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }

    fn weight_and_bias(&self, layer: &str, pass: &Pass) -> (Tensor, Tensor) {
        let tensor = |part| match pass {
            Pass::Training(_) => self.var(layer, part).as_tensor().clone(),
            Pass::Inference => self.var(layer, part).as_detached_tensor(),
        };
        (tensor("weight"), tensor("bias"))
    }

    fn var(&self, layer: &str, part: &str) -> &Var {
        let is_named = |name: &str| {
            name.strip_prefix(layer)
                .and_then(|rest| rest.strip_prefix('.'))
                == Some(part)
        };
        let found = self.tensors.iter().find(|(spec, _)| is_named(&spec.name));
        let (_, var) = found.expect("layers ask only for tensors of their architecture");
        var
    }
}

enum Pass {
    Training(Randomness),
    Inference,
}

fn blended(running: &[f32], batch: &[f32], factor: f32) -> Vec<f32> {
    let blend = |(&running, &batch): (&f32, &f32)| {
        (1.0 - RUNNING_MOMENTUM) * running + RUNNING_MOMENTUM * (batch * factor)
    };
    running.iter().zip(batch).map(blend).collect()
}
