//! Decides what a training step's loss is, once more: the whole network by plain loops in double
//! precision and in PyTorch's order of dimensions. It shares nothing with the kernels but the factors
//! of dropout, which are drawn, and does not know gradients.

use tabsweep_trainer::Hyperparameters;
use tabsweep_trainer::kernels::batch_norm::EPSILON;

/// What a batch-norm takes where a channel has a single value, which has no variance.
#[derive(Clone, Debug)]
pub struct Running {
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
}

/// Channels, rows and columns of an image between two layers.
#[derive(Clone, Copy, Debug)]
struct Size {
    channels: usize,
    height: usize,
    width: usize,
}

impl Size {
    fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    fn places(self) -> usize {
        self.height * self.width
    }
}

#[derive(Clone, Debug)]
enum Operation {
    /// By the parameters in the tensors `weights` and the one after it.
    Convolve {
        weights: usize,
        kernel: usize,
    },
    Pool,
    /// By scale and shift in the tensors `scale` and the one after it.
    Normalise {
        scale: usize,
        running: Running,
    },
    Rectify,
    Connect {
        weights: usize,
    },
    Drop {
        factors: Vec<f64>,
    },
}

#[derive(Clone, Debug)]
struct Layer {
    operation: Operation,
    input: Size,
    output: Size,
}

/// Parameters, tensor by tensor, in the order of files.
pub type Parameters = Vec<Vec<f64>>;

/// A network, a batch, and which way each pool and ReLU went on it.
#[derive(Clone, Debug)]
pub struct Reference {
    layers: Vec<Layer>,
    labels: Vec<usize>,
    smoothing: f64,
    /// Of each layer, its input at the parameters that the reference was made for.
    inputs: Vec<Vec<f64>>,
    /// Of each layer, the position that won each window, or whether each value passed.
    choices: Vec<Vec<usize>>,
    /// How far the nearest choice was from going the other way.
    pub margin: f64,
}

/// All that a loss depends on but the parameters.
#[derive(Debug)]
pub struct Batch<'a> {
    pub setting: &'a Hyperparameters,
    pub classes: usize,
    /// Rows and columns of an image.
    pub size: (usize, usize),
    pub images: Vec<f64>,
    pub labels: Vec<usize>,
    /// Of each batch-norm, in order.
    pub running: Vec<Running>,
    /// Of each hidden unit of each image, or none at all.
    pub dropout_factors: Vec<f64>,
}

impl Reference {
    /// For a batch, whose choices are made at `parameters`.
    pub fn new(batch: Batch, parameters: &Parameters) -> Self {
        let layers = layers(&batch);
        let mut reference = Self {
            choices: vec![Vec::new(); layers.len()],
            layers,
            labels: batch.labels,
            smoothing: batch.setting.label_smoothing,
            inputs: Vec::new(),
            margin: f64::INFINITY,
        };
        let mut values = batch.images;
        for index in 0..reference.layers.len() {
            let (choices, margin) = reference.layers[index].choose(&values);
            reference.choices[index] = choices;
            reference.margin = reference.margin.min(margin);
            reference.inputs.push(values.clone());
            values =
                reference.layers[index].forward(parameters, &values, &reference.choices[index]);
        }
        reference
    }

    /// The loss at `parameters`, of which only the tensor `changed` may have changed, with the
    /// choices that were made: as a function of the parameters it is smooth.
    pub fn loss(&self, parameters: &Parameters, changed: usize) -> f64 {
        let first = self
            .layers
            .iter()
            .position(|layer| layer.tensors().contains(&changed))
            .unwrap();
        let mut values = self.inputs[first].clone();
        for (layer, choices) in self.layers.iter().zip(&self.choices).skip(first) {
            values = layer.forward(parameters, &values, choices);
        }
        cross_entropy(&values, &self.labels, self.smoothing)
    }
}

/// The layers of a setting; tensors are numbered in their order.
fn layers(batch: &Batch) -> Vec<Layer> {
    let setting = batch.setting;
    let (height, width) = batch.size;
    let mut builder = Builder {
        layers: Vec::new(),
        size: Size {
            channels: 1,
            height,
            width,
        },
        tensor: 0,
        running: setting.batch_norm.then(|| batch.running.iter()),
    };
    builder.convolve(setting.conv1_channels, setting.kernel_size, true);
    if setting.middle_channels > 0 {
        builder.convolve(setting.middle_channels, 3, false);
    }
    builder.convolve(setting.conv2_channels, setting.conv2_kernel_size, true);
    builder.connect(setting.hidden_units);
    builder.normalise();
    if !batch.dropout_factors.is_empty() {
        let factors = batch.dropout_factors.clone();
        builder.add(Operation::Drop { factors }, builder.size);
    }
    builder.connect(batch.classes);
    builder.layers
}

struct Builder<'a> {
    layers: Vec<Layer>,
    size: Size,
    tensor: usize,
    running: Option<std::slice::Iter<'a, Running>>,
}

impl Builder<'_> {
    fn add(&mut self, operation: Operation, output: Size) {
        let input = std::mem::replace(&mut self.size, output);
        self.layers.push(Layer {
            operation,
            input,
            output,
        });
    }

    fn convolve(&mut self, channels: usize, kernel: usize, pool: bool) {
        let weights = self.next_tensors();
        let convolved = Size {
            channels,
            height: self.size.height + 1 - kernel,
            width: self.size.width + 1 - kernel,
        };
        self.add(Operation::Convolve { weights, kernel }, convolved);
        if pool {
            let pooled = Size {
                height: convolved.height / 2,
                width: convolved.width / 2,
                ..convolved
            };
            self.add(Operation::Pool, pooled);
        }
        self.normalise();
    }

    fn connect(&mut self, channels: usize) {
        let weights = self.next_tensors();
        let output = Size {
            channels,
            height: 1,
            width: 1,
        };
        self.add(Operation::Connect { weights }, output);
    }

    fn normalise(&mut self) {
        if let Some(running) = &mut self.running {
            let running = running.next().unwrap().clone();
            let scale = self.next_tensors();
            self.add(Operation::Normalise { scale, running }, self.size);
        }
        self.add(Operation::Rectify, self.size);
    }

    /// The first of the next two.
    fn next_tensors(&mut self) -> usize {
        self.tensor += 2;
        self.tensor - 2
    }
}

impl Layer {
    fn tensors(&self) -> Vec<usize> {
        match &self.operation {
            Operation::Convolve { weights: first, .. }
            | Operation::Connect { weights: first }
            | Operation::Normalise { scale: first, .. } => vec![*first, first + 1],
            Operation::Pool | Operation::Rectify | Operation::Drop { .. } => Vec::new(),
        }
    }

    /// Which way it goes for each of its outputs, and the least change that would turn one.
    fn choose(&self, input: &[f64]) -> (Vec<usize>, f64) {
        let mut margin = f64::INFINITY;
        let choices = match self.operation {
            Operation::Rectify => {
                margin = input
                    .iter()
                    .fold(margin, |least, value| least.min(value.abs()));
                input
                    .iter()
                    .map(|&value| usize::from(value > 0.0))
                    .collect()
            }
            Operation::Pool => {
                let mut choose = |window: [usize; 4]| {
                    let value = |position: usize| input[window[position]];
                    let winner = (1..4).fold(0, |highest, position| {
                        if value(position) > value(highest) {
                            position
                        } else {
                            highest
                        }
                    });
                    let others = (0..4).filter(|&position| position != winner);
                    let gaps = others.map(|position| value(winner) - value(position));
                    margin = gaps.fold(margin, f64::min);
                    winner
                };
                self.windows(input.len()).map(&mut choose).collect()
            }
            _ => Vec::new(),
        };
        (choices, margin)
    }

    fn forward(&self, parameters: &Parameters, input: &[f64], choices: &[usize]) -> Vec<f64> {
        match &self.operation {
            Operation::Convolve { weights, kernel } => self.convolve(
                &parameters[*weights],
                &parameters[weights + 1],
                *kernel,
                input,
            ),
            Operation::Pool => {
                let windows = self.windows(input.len()).zip(choices);
                windows
                    .map(|(window, &winner)| input[window[winner]])
                    .collect()
            }
            Operation::Normalise { scale, running } => {
                self.normalise(&parameters[*scale], &parameters[scale + 1], running, input)
            }
            Operation::Rectify => {
                let values = input.iter().zip(choices);
                values
                    .map(|(value, &passes)| value * passes as f64)
                    .collect()
            }
            Operation::Connect { weights } => {
                self.connect(&parameters[*weights], &parameters[weights + 1], input)
            }
            Operation::Drop { factors } => {
                let values = input.iter().zip(factors);
                values.map(|(value, factor)| value * factor).collect()
            }
        }
    }

    /// Where the four positions of each pool window lie in an input of `len` values.
    fn windows(&self, len: usize) -> impl Iterator<Item = [usize; 4]> + use<> {
        let (input, output) = (self.input, self.output);
        let planes = len / input.places();
        (0..planes * output.places()).map(move |index| {
            let (plane, place) = (index / output.places(), index % output.places());
            let (row, column) = (place / output.width, place % output.width);
            let first = plane * input.places() + 2 * row * input.width + 2 * column;
            [
                first,
                first + 1,
                first + input.width,
                first + input.width + 1,
            ]
        })
    }

    fn convolve(&self, weights: &[f64], bias: &[f64], kernel: usize, input: &[f64]) -> Vec<f64> {
        let (from, to) = (self.input, self.output);
        let mut result = Vec::new();
        for image in input.chunks_exact(from.len()) {
            for (of_channel, bias) in weights
                .chunks_exact(from.channels * kernel * kernel)
                .zip(bias)
            {
                for place in 0..to.places() {
                    let (row, column) = (place / to.width, place % to.width);
                    let mut sum = *bias;
                    for (channel, plane) in image.chunks_exact(from.places()).enumerate() {
                        for down in 0..kernel {
                            let taps = &of_channel[(channel * kernel + down) * kernel..][..kernel];
                            let values = &plane[(row + down) * from.width + column..][..kernel];
                            let products = taps.iter().zip(values).map(|(tap, value)| tap * value);
                            sum += products.sum::<f64>();
                        }
                    }
                    result.push(sum);
                }
            }
        }
        result
    }

    fn normalise(
        &self,
        scale: &[f64],
        shift: &[f64],
        running: &Running,
        input: &[f64],
    ) -> Vec<f64> {
        let (channels, places) = (self.input.channels, self.input.places());
        let channel_of = |index: usize| index / places % channels;
        let rows = input.len() / channels;
        let means = |of_value: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; channels];
            for index in 0..input.len() {
                sums[channel_of(index)] += of_value(index) / rows as f64;
            }
            sums
        };
        let (mean, variance) = if rows > 1 {
            let mean = means(&|index| input[index]);
            let variance = means(&|index| (input[index] - mean[channel_of(index)]).powi(2));
            (mean, variance)
        } else {
            (running.mean.clone(), running.variance.clone())
        };
        let normalised = |(index, value): (usize, &f64)| {
            let channel = channel_of(index);
            let deviation = (variance[channel] + f64::from(EPSILON)).sqrt();
            (value - mean[channel]) / deviation * scale[channel] + shift[channel]
        };
        input.iter().enumerate().map(normalised).collect()
    }

    fn connect(&self, weights: &[f64], bias: &[f64], input: &[f64]) -> Vec<f64> {
        let count = self.input.len();
        let of_image = |image: &[f64]| -> Vec<f64> {
            let unit = |(weights, bias): (&[f64], &f64)| {
                let products = weights
                    .iter()
                    .zip(image)
                    .map(|(weight, value)| weight * value);
                bias + products.sum::<f64>()
            };
            weights.chunks_exact(count).zip(bias).map(unit).collect()
        };
        input.chunks_exact(count).flat_map(of_image).collect()
    }
}

/// The mean over images of −Σ target · ln softmax(logits).
fn cross_entropy(logits: &[f64], labels: &[usize], smoothing: f64) -> f64 {
    let classes = logits.len() / labels.len();
    let of_image = |(row, &label): (&[f64], &usize)| {
        let total: f64 = row.iter().map(|logit| logit.exp()).sum();
        let of_class = |(class, logit): (usize, &f64)| {
            let spread = smoothing / classes as f64;
            let target = if class == label {
                1.0 - smoothing + spread
            } else {
                spread
            };
            -target * (logit - total.ln())
        };
        row.iter().enumerate().map(of_class).sum::<f64>()
    };
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(of_image).sum::<f64>() / labels.len() as f64
}
