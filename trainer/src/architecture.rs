//! Decides the sizes of a model: which settings have one for which images, its tensors, their names
//! and first values. It does not know how the tensors are used.
//!
//! Tensors are named and shaped as PyTorch's modules would name and shape them, so that weights can
//! be loaded there.

use thiserror::Error;

use crate::hyperparameters::Hyperparameters;
use crate::kernels::convolution::Shape;
use crate::philox::{Philox, Stream};

/// More parameters than this are refused: with AdamW's two moments each, a checkpoint of 60 MB.
const PARAMETER_LIMIT: usize = 5_000_000;

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
    /// Channels of the images that its weights see, for weights that see images: in files they are
    /// `[…, channels, places]`, as in PyTorch, and in memory `[…, places, channels]`.
    channels: Option<usize>,
}

impl TensorSpec {
    /// How many values it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether an optimiser changes it.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        !matches!(self.role, Role::Running { .. })
    }

    /// From the order of files to that of memory.
    #[must_use]
    pub fn ordered_for_memory(&self, values: Vec<f32>) -> Vec<f32> {
        self.reordered(values, |channels, places| (channels, places))
    }

    /// From the order of memory to that of files.
    #[must_use]
    pub fn ordered_for_files(&self, values: Vec<f32>) -> Vec<f32> {
        self.reordered(values, |channels, places| (places, channels))
    }

    /// Exchanges the two innermost dimensions of each output's weights.
    fn reordered(
        &self,
        values: Vec<f32>,
        dimensions: impl Fn(usize, usize) -> (usize, usize),
    ) -> Vec<f32> {
        let Some(channels) = self.channels else {
            return values;
        };
        let of_output = self.count() / self.shape[0];
        let (rows, columns) = dimensions(channels, of_output / channels);
        let transposed = |output: &[f32]| -> Vec<f32> {
            let column = |column| (0..rows).map(move |row| row * columns + column);
            (0..columns).flat_map(column).map(|at| output[at]).collect()
        };
        values
            .chunks_exact(of_output)
            .flat_map(transposed)
            .collect()
    }
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
    ) -> Result<Self, ArchitectureError> {
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

    /// Whether its layers are batch-normalised.
    #[must_use]
    pub fn batch_norm(&self) -> bool {
        self.batch_norm
    }

    /// Share of hidden units dropped in training.
    #[must_use]
    pub fn dropout(&self) -> f64 {
        self.dropout
    }

    /// Units of the hidden layer.
    #[must_use]
    pub fn hidden_units(&self) -> usize {
        self.hidden_units
    }

    /// The sizes of its convolutions, in order.
    #[must_use]
    pub fn convolutions(&self) -> Vec<Shape> {
        let [first, _] = self.sizes();
        let shape = |(height, width), channels_in, channels_out| Shape {
            height,
            width,
            channels_in,
            channels_out,
            kernel: self.kernel,
            pool: true,
        };
        vec![
            shape((self.height, self.width), 1, self.conv1_channels),
            shape(first, self.conv1_channels, self.conv2_channels),
        ]
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
        weighted(
            &mut specs,
            "conv1",
            0,
            &[first, 1, kernel, kernel],
            area,
            Some(1),
        );
        self.normed(&mut specs, "norm1", first);
        weighted(
            &mut specs,
            "conv2",
            2,
            &[second, first, kernel, kernel],
            first * area,
            Some(first),
        );
        self.normed(&mut specs, "norm2", second);
        weighted(
            &mut specs,
            "hidden",
            4,
            &[hidden, self.features()],
            self.features(),
            Some(second),
        );
        self.normed(&mut specs, "norm3", hidden);
        weighted(
            &mut specs,
            "output",
            6,
            &[self.classes, hidden],
            hidden,
            None,
        );
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
            channels: None,
        }));
    }

    /// Inputs of the hidden layer.
    #[must_use]
    pub fn features(&self) -> usize {
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

fn weighted(
    specs: &mut Vec<TensorSpec>,
    layer: &str,
    number: u64,
    shape: &[usize],
    fan_in: usize,
    channels: Option<usize>,
) {
    let parts = [
        ("weight", number, shape, channels),
        ("bias", number + 1, &shape[..1], None),
    ];
    specs.extend(parts.map(|(part, number, shape, channels)| TensorSpec {
        name: format!("{layer}.{part}"),
        shape: shape.to_vec(),
        role: Role::Drawn { fan_in, number },
        channels,
    }));
}

/// The first values of a tensor, drawn by `philox` where they are random.
#[must_use]
pub fn initial_values(spec: &TensorSpec, philox: &Philox) -> Vec<f32> {
    let count = spec.count();
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
