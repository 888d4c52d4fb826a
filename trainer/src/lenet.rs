//! Decides what the model is: a LeNet of two convolutions and a hidden layer, its tensors, their
//! names and first values. It does not know how it is trained or where weights are kept.
//!
//! (valid convolution → 2×2 max-pool → batch-norm → ReLU) × 2 → flatten → hidden layer → batch-norm
//! → ReLU → dropout → output layer. Batch-norm after the pool trains as well as before it and leaves
//! the pool's gradient sparse. Tensors are named and shaped as PyTorch's modules would name and
//! shape them, flattening included, so that weights can be loaded there.

use candle_core::{Device, Result, Tensor, Var};
use thiserror::Error;

use crate::hyperparameters::Hyperparameters;
use crate::kernels::activation::dropout_factors;
use crate::kernels::batch_norm::Statistics;
use crate::layers;
use crate::philox::{Philox, Stream};

/// Share of the batch's statistics in the running ones after each step, as in PyTorch.
const RUNNING_MOMENTUM: f32 = 0.1;

/// More parameters than this are refused: 256 MiB of weights.
const PARAMETER_LIMIT: usize = 1 << 26;

/// Why there is no such model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArchitectureError {
    /// Nothing is left of an image after two convolutions and pools.
    #[error(
        "images of {height}×{width} are too small for two {kernel_size}×{kernel_size} convolutions"
    )]
    ImageTooSmall {
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// Rows and columns of a kernel.
        kernel_size: usize,
    },
    /// The images make the hidden layer too large for a worker.
    #[error("images of {height}×{width} need more than {limit} parameters")]
    TooManyParameters {
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// Highest number of parameters accepted.
        limit: usize,
    },
}

/// What a tensor of the model is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Trained; begins uniform within ±1/√`fan_in`, drawn from position `number` of the weights'
    /// random stream.
    Drawn {
        /// Inputs of one output.
        fan_in: usize,
        /// Position in the stream, the same in every architecture.
        number: u64,
    },
    /// Trained; begins the same everywhere.
    Constant {
        /// The first value.
        value: f32,
    },
    /// Follows the batches; begins the same everywhere.
    Running {
        /// The first value.
        value: f32,
    },
}

/// A tensor of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Its name, stable.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

/// The sizes of a model that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    height: usize,
    width: usize,
    classes: usize,
    kernel: usize,
    conv1_channels: usize,
    conv2_channels: usize,
    hidden_units: usize,
    batch_norm: bool,
    dropout: f64,
}

impl Architecture {
    /// The model of a setting for images of `height`×`width` in `classes` classes.
    ///
    /// # Errors
    /// If the images are too small for the convolutions or too large for a worker.
    pub fn new(
        hyperparameters: &Hyperparameters,
        classes: usize,
        height: usize,
        width: usize,
    ) -> std::result::Result<Self, ArchitectureError> {
        let kernel_size = hyperparameters.kernel_size;
        let architecture = Self {
            height,
            width,
            classes,
            kernel: kernel_size,
            conv1_channels: hyperparameters.conv1_channels,
            conv2_channels: hyperparameters.conv2_channels,
            hidden_units: hyperparameters.hidden_units,
            batch_norm: hyperparameters.batch_norm,
            dropout: hyperparameters.dropout,
        };
        if architecture.pooled_sizes().is_none() {
            return Err(ArchitectureError::ImageTooSmall {
                height,
                width,
                kernel_size,
            });
        }
        match architecture.parameters() {
            Some(parameters) if parameters <= PARAMETER_LIMIT => Ok(architecture),
            _ => Err(ArchitectureError::TooManyParameters {
                height,
                width,
                limit: PARAMETER_LIMIT,
            }),
        }
    }

    /// How many classes it tells apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Multiplications with a weight in one image's forward pass.
    #[must_use]
    pub fn multiply_adds_per_image(&self) -> u64 {
        let [first, second] = self.sizes();
        let area = self.kernel * self.kernel;
        // Four positions of each pool window are computed.
        let conv1 = 4 * first.0 * first.1 * area * self.conv1_channels;
        let conv2 = 4 * second.0 * second.1 * area * self.conv1_channels * self.conv2_channels;
        let linear = self.hidden_units * (self.features() + self.classes);
        conv1 as u64 + conv2 as u64 + linear as u64
    }

    /// All tensors, in the order of the layers.
    #[must_use]
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let (first, second, hidden) = (self.conv1_channels, self.conv2_channels, self.hidden_units);
        let kernel = self.kernel;
        let area = kernel * kernel;
        let mut specs = Vec::new();
        weighted(&mut specs, "conv1", 0, &[first, 1, kernel, kernel], area);
        self.normed(&mut specs, "norm1", first);
        weighted(
            &mut specs,
            "conv2",
            2,
            &[second, first, kernel, kernel],
            first * area,
        );
        self.normed(&mut specs, "norm2", second);
        weighted(
            &mut specs,
            "hidden",
            4,
            &[hidden, self.features()],
            self.features(),
        );
        self.normed(&mut specs, "norm3", hidden);
        weighted(&mut specs, "output", 6, &[self.classes, hidden], hidden);
        specs
    }

    fn normed(&self, specs: &mut Vec<TensorSpec>, layer: &str, channels: usize) {
        if !self.batch_norm {
            return;
        }
        let roles = [
            ("weight", Role::Constant { value: 1.0 }),
            ("bias", Role::Constant { value: 0.0 }),
            ("running_mean", Role::Running { value: 0.0 }),
            ("running_var", Role::Running { value: 1.0 }),
        ];
        specs.extend(roles.map(|(name, role)| TensorSpec {
            name: format!("{layer}.{name}"),
            shape: vec![channels],
            role,
        }));
    }

    /// Inputs of the hidden layer.
    fn features(&self) -> usize {
        let [_, (height, width)] = self.sizes();
        self.conv2_channels * height * width
    }

    /// Rows and columns after each pool.
    fn sizes(&self) -> [(usize, usize); 2] {
        self.pooled_sizes()
            .expect("checked when the architecture was built")
    }

    fn pooled_sizes(&self) -> Option<[(usize, usize); 2]> {
        let pooled = |size: usize| {
            let convolved = size.checked_add(1)?.checked_sub(self.kernel)?;
            (convolved >= 2).then_some(convolved / 2)
        };
        let first = (pooled(self.height)?, pooled(self.width)?);
        Some([first, (pooled(first.0)?, pooled(first.1)?)])
    }

    /// `None` if they can't even be counted.
    fn parameters(&self) -> Option<usize> {
        let [_, (height, width)] = self.pooled_sizes()?;
        let features = height
            .checked_mul(width)?
            .checked_mul(self.conv2_channels)?;
        let inputs = features.checked_add(self.classes)?;
        let area = self.kernel * self.kernel;
        let convolutions = area * self.conv1_channels * (1 + self.conv2_channels);
        inputs
            .checked_mul(self.hidden_units)?
            .checked_add(convolutions)
    }
}

fn weighted(specs: &mut Vec<TensorSpec>, layer: &str, number: u64, shape: &[usize], fan_in: usize) {
    let parts = [("weight", number, shape), ("bias", number + 1, &shape[..1])];
    specs.extend(parts.map(|(part, number, shape)| TensorSpec {
        name: format!("{layer}.{part}"),
        shape: shape.to_vec(),
        role: Role::Drawn { fan_in, number },
    }));
}

/// The first values of a tensor, drawn by `philox` where they are random.
#[must_use]
pub fn initial_values(spec: &TensorSpec, philox: &Philox) -> Vec<f32> {
    let count = spec.shape.iter().product();
    match spec.role {
        Role::Constant { value } | Role::Running { value } => vec![value; count],
        Role::Drawn { fan_in, number } => {
            let bound = 1.0 / (fan_in as f32).sqrt();
            let mut draws = philox.draws(Stream::Weights, number);
            let draw = |_| bound * (2.0 * draws.unit() - 1.0);
            (0..count).map(draw).collect()
        }
    }
}

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
