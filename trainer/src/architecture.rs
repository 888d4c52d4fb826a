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
    /// Nothing is left of an image after its convolutions and pools.
    #[error("images of {height}×{width} are too small for the setting's convolutions")]
    ImageTooSmall {
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
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
    classes: usize,
    convolutions: Vec<Convolution>,
    hidden_units: usize,
    batch_norm: bool,
    dropout: f64,
    test_time_augmentation: bool,
}

/// A convolution with the names of its tensors.
#[derive(Clone, Debug, PartialEq)]
struct Convolution {
    layer: &'static str,
    norm: &'static str,
    /// Position of its weights in their random stream; that of its bias is the next.
    number: u64,
    shape: Shape,
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
        let convolutions = convolutions(hyperparameters, height, width)
            .ok_or(ArchitectureError::ImageTooSmall { height, width })?;
        let architecture = Self {
            classes,
            convolutions,
            hidden_units: hyperparameters.hidden_units,
            batch_norm: hyperparameters.batch_norm,
            dropout: hyperparameters.dropout,
            test_time_augmentation: hyperparameters.test_time_augmentation,
        };
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
        self.convolutions[0].shape.input_len()
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

    /// Whether images are classified together with copies that are moved by a pixel.
    #[must_use]
    pub fn test_time_augmentation(&self) -> bool {
        self.test_time_augmentation
    }

    /// Rows of an image.
    #[must_use]
    pub fn height(&self) -> usize {
        self.convolutions[0].shape.height
    }

    /// Columns of an image.
    #[must_use]
    pub fn width(&self) -> usize {
        self.convolutions[0].shape.width
    }

    /// Units of the hidden layer.
    #[must_use]
    pub fn hidden_units(&self) -> usize {
        self.hidden_units
    }

    /// The sizes of its convolutions, in order.
    #[must_use]
    pub fn convolutions(&self) -> Vec<Shape> {
        self.convolutions.iter().map(|layer| layer.shape).collect()
    }

    /// Multiplications with a weight in one image's forward pass.
    #[must_use]
    pub fn multiply_adds_per_image(&self) -> u64 {
        let convolutions: u64 = self.convolutions.iter().map(convolved).sum();
        let linear = self.hidden_units * (self.features() + self.classes);
        convolutions + linear as u64
    }

    /// Multiply-adds of training with one image once: each layer's forward pass, as many again for
    /// its weights' gradient, and as many again for its input's gradient, which the first layer does
    /// not need. Counted as if computed term by term, so that what work is worth depends on the
    /// setting and not on how cleverly a kernel saves some of it.
    #[must_use]
    pub fn multiply_adds_per_training_image(&self) -> u64 {
        3 * self.multiply_adds_per_image() - convolved(&self.convolutions[0])
    }

    /// All tensors, in the order of the layers.
    #[must_use]
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        for layer in &self.convolutions {
            let shape = layer.shape;
            let (inputs, outputs, kernel) = (shape.channels_in, shape.channels_out, shape.kernel);
            let dimensions = [outputs, inputs, kernel, kernel];
            weighted(
                &mut specs,
                layer.layer,
                layer.number,
                &dimensions,
                Some(inputs),
            );
            self.normed(&mut specs, layer.norm, outputs);
        }
        let hidden = [self.hidden_units, self.features()];
        weighted(
            &mut specs,
            "hidden",
            4,
            &hidden,
            Some(self.last().channels_out),
        );
        self.normed(&mut specs, "norm3", self.hidden_units);
        let output = [self.classes, self.hidden_units];
        weighted(&mut specs, "output", 6, &output, None);
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

    fn last(&self) -> Shape {
        let last = self.convolutions.last();
        last.expect("every model has convolutions").shape
    }

    /// Inputs of the hidden layer.
    #[must_use]
    pub fn features(&self) -> usize {
        self.last().output_len()
    }

    /// `None` if they can't even be counted.
    fn parameters(&self) -> Option<usize> {
        let convolutions = self
            .convolutions
            .iter()
            .map(|layer| layer.shape.weights_len());
        let last = self.last();
        let features = last
            .output_height()
            .checked_mul(last.output_width())?
            .checked_mul(last.channels_out)?;
        let inputs = features.checked_add(self.classes)?;
        inputs
            .checked_mul(self.hidden_units)?
            .checked_add(convolutions.sum())
    }
}

/// Multiplications with a weight in one image's forward pass through a convolution.
fn convolved(Convolution { shape, .. }: &Convolution) -> u64 {
    // Four positions of each pool window are computed.
    let positions = shape.output_len() * if shape.pool { 4 } else { 1 };
    (shape.depth() * positions) as u64
}

/// The convolutions of a setting, or `None` if nothing is left of an image after them.
fn convolutions(
    setting: &Hyperparameters,
    height: usize,
    width: usize,
) -> Option<Vec<Convolution>> {
    let mut layers: Vec<Convolution> = Vec::new();
    let mut add = |layer, norm, number, channels_out, kernel, pool| {
        let before = layers.last().map(|layer| layer.shape);
        let (height, width, channels_in) = before.map_or((height, width, 1), |shape| {
            (
                shape.output_height(),
                shape.output_width(),
                shape.channels_out,
            )
        });
        let shape = Shape {
            height,
            width,
            channels_in,
            channels_out,
            kernel,
            pool,
        };
        layers.push(Convolution {
            layer,
            norm,
            number,
            shape,
        });
        (height.min(width) > kernel).then_some(())
    };
    let kernel = setting.kernel_size;
    add("conv1", "norm1", 0, setting.conv1_channels, kernel, true)?;
    if setting.middle_channels > 0 {
        add(
            "middle",
            "middle_norm",
            8,
            setting.middle_channels,
            3,
            false,
        )?;
    }
    let kernel = setting.conv2_kernel_size;
    add("conv2", "norm2", 2, setting.conv2_channels, kernel, true)?;
    Some(layers)
}

fn weighted(
    specs: &mut Vec<TensorSpec>,
    layer: &str,
    number: u64,
    shape: &[usize],
    channels: Option<usize>,
) {
    let fan_in = shape[1..].iter().product();
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
