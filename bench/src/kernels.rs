//! The trainer's kernels one by one, on memory of their own, as a training step calls them.
//! Decides what counts as an operation; whoever runs them measures the time.
//!
//! A multiplication and an addition are two operations, as are a division or a square root one each.
//! Comparisons of the pool, packing and transforms are not counted: they lower the rate. A sparse
//! gradient counts the terms that are not 0, and Winograd's convolution the products that it makes, not
//! those that it saves.

use std::hint::black_box;

use tabsweep_trainer::Hyperparameters;
use tabsweep_trainer::architecture::{Architecture, ArchitectureError, TensorSpec};
use tabsweep_trainer::kernels::batch_norm::BatchNorm;
use tabsweep_trainer::kernels::convolution::{Direct, Epilogue, Shape};
use tabsweep_trainer::kernels::cross_entropy::mean_loss;
use tabsweep_trainer::kernels::matrix::{Right, transpose};
use tabsweep_trainer::kernels::sparse::Sparse;
use tabsweep_trainer::kernels::update::{AdamwStep, adamw};
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::kernels::winograd::{Winograd, is_worthwhile};

/// Rows and columns of outputs that Winograd's convolution computes at a time.
const TILE: usize = 4;
/// For each weight.
const ADAMW_OPERATIONS: usize = 14;
/// For each value: its share of mean and variance, and the result.
const NORM_FORWARD: usize = 8;
/// For each value: its share of two sums, and the result.
const NORM_BACKWARD: usize = 9;
/// For each logit, an exponential counted as one.
const LOSS_OPERATIONS: usize = 6;

/// A kernel with its memory.
pub struct Kernel {
    name: String,
    operations: u64,
    call: Box<dyn FnMut()>,
}

impl Kernel {
    /// Layer, direction and way.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Operations of a call.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Calls it once, for a whole batch.
    pub fn call(&mut self) {
        (self.call)();
    }
}

/// The kernels of a training step with `setting` on images of `height`×`width` in `classes` classes,
/// in vectors of `width`.
///
/// # Errors
/// The setting has no model for such images.
pub fn all(
    setting: &Hyperparameters,
    classes: usize,
    image: (usize, usize),
    width: Width,
) -> Result<Vec<Kernel>, ArchitectureError> {
    let architecture = Architecture::new(setting, classes, image.0, image.1)?;
    let mut bench = Bench {
        width,
        images: setting.batch_size,
        random: 1,
        kernels: Vec::new(),
    };
    for (index, shape) in architecture.convolutions().into_iter().enumerate() {
        let layer = format!("convolution {}", index + 1);
        bench.add_convolution(&layer, shape, index > 0);
        if setting.batch_norm {
            let windows = shape.output_len() / shape.channels_out;
            bench.add_batch_norm(index + 1, windows, shape.channels_out);
        }
    }
    bench.add_products(architecture.features(), setting.hidden_units);
    if setting.batch_norm {
        bench.add_batch_norm(
            architecture.convolutions().len() + 1,
            1,
            setting.hidden_units,
        );
    }
    bench.add_loss(classes);
    let trained = architecture
        .tensors()
        .into_iter()
        .filter(TensorSpec::is_trained);
    bench.add_update(trained.map(|tensor| tensor.count()).sum());
    Ok(bench.kernels)
}

/// What a convolution reads and writes.
#[derive(Clone)]
struct Memory {
    /// Some values longer than the images, as gradients want it.
    input: Vec<f32>,
    images_len: usize,
    weights: Vec<f32>,
    ones: Vec<f32>,
    output: Vec<f32>,
    winners: Vec<u32>,
    of_output: Vec<f32>,
}

/// Collects kernels that all work on batches of one size.
struct Bench {
    width: Width,
    images: usize,
    random: u32,
    kernels: Vec<Kernel>,
}

impl Bench {
    fn add(&mut self, name: String, operations: usize, call: impl FnMut() + 'static) {
        self.kernels.push(Kernel {
            name,
            operations: operations as u64,
            call: Box::new(call),
        });
    }

    /// A convolution with its pool, as [`is_worthwhile`] decides.
    fn add_convolution(&mut self, layer: &str, shape: Shape, wants_input: bool) {
        let memory = self.layer_memory(shape);
        if is_worthwhile(&shape) {
            self.add_tiles(layer, shape, memory, wants_input);
        } else {
            self.add_taps(layer, shape, memory, wants_input);
        }
    }

    fn layer_memory(&mut self, shape: Shape) -> Memory {
        Memory {
            input: self.numbers(self.images * shape.input_len() + Sparse::slack(self.width)),
            images_len: self.images * shape.input_len(),
            weights: self.numbers(shape.weights_len()),
            ones: vec![1.0; shape.channels_out],
            output: vec![0.0; self.images * shape.output_len()],
            winners: vec![0; self.images * shape.output_len()],
            of_output: self.half_zeros(self.images * shape.output_len()),
        }
    }

    fn add_tiles(&mut self, layer: &str, shape: Shape, mut memory: Memory, wants_input: bool) {
        let points = TILE + shape.kernel - 1;
        let tiles = |size: usize| (size + 1 - shape.kernel).div_ceil(TILE);
        let tiles = self.images * tiles(shape.height) * tiles(shape.width);
        let products = points * points * tiles * shape.channels_in * shape.channels_out;
        let mut kernel = Winograd::new(self.width, shape);
        let mut forward = move |memory: &mut Memory| {
            kernel.pack(&memory.weights, plain(&memory.ones));
            let input = &memory.input[..memory.images_len];
            kernel.forward(input, &mut memory.output, &mut memory.winners);
        };
        forward(&mut memory);

        let mut kernel = Winograd::new(self.width, shape);
        kernel.pack(&memory.weights, plain(&memory.ones));
        let back = memory.clone();
        let mut for_weights = vec![0.0; shape.weights_len()];
        let mut for_input = wants_input.then(|| vec![0.0; memory.images_len]);
        let gradients = if wants_input { 2 } else { 1 };
        let name = format!("{layer}, forward, Winograd");
        self.add(name, 2 * products, move || forward(&mut memory));
        let name = format!("{layer}, backward, Winograd");
        self.add(name, 2 * gradients * products, move || {
            let input = &back.input[..back.images_len];
            let for_input = for_input.as_deref_mut();
            kernel.backward(
                input,
                &back.winners,
                &back.of_output,
                &mut for_weights,
                for_input,
            );
        });
    }

    fn add_taps(&mut self, layer: &str, shape: Shape, mut memory: Memory, wants_input: bool) {
        let convolved = |size: usize| size + 1 - shape.kernel;
        let outputs = self.images * convolved(shape.height) * convolved(shape.width);
        let products = outputs * shape.channels_out * shape.depth();
        let mut kernel = Direct::new(self.width, shape);
        let mut forward = move |memory: &mut Memory| {
            kernel.pack(&memory.weights, plain(&memory.ones));
            let input = &memory.input[..memory.images_len];
            kernel.forward(input, &mut memory.output, &mut memory.winners);
        };
        forward(&mut memory);

        let terms = memory.of_output.iter().filter(|value| **value != 0.0);
        let back_products = terms.count() * shape.depth();
        let back = memory.clone();
        let back_to_input = wants_input.then(|| memory.clone());
        let name = format!("{layer}, forward, direct");
        self.add(name, 2 * products, move || forward(&mut memory));
        let mut kernel = Sparse::new(self.width, shape);
        let mut gradient = vec![0.0; shape.weights_len()];
        let name = format!("{layer}, gradient of weights");
        self.add(name, 2 * back_products, move || {
            kernel.weights(&back.input, &back.winners, &back.of_output, &mut gradient);
        });
        if let Some(memory) = back_to_input {
            let mut kernel = Sparse::new(self.width, shape);
            let mut gradient = vec![0.0; memory.input.len()];
            let name = format!("{layer}, gradient of input");
            self.add(name, 2 * back_products, move || {
                let (winners, of_output) = (&memory.winners, &memory.of_output);
                kernel.input(&memory.weights, winners, of_output, &mut gradient);
            });
        }
    }

    fn add_batch_norm(&mut self, number: usize, rows_of_image: usize, channels: usize) {
        let values = self.numbers(self.images * rows_of_image * channels);
        let of_result = self.numbers(values.len());
        let (scale, shift) = (vec![1.0; channels], vec![0.0; channels]);
        let mut kernel = BatchNorm::new(self.width, channels);
        let mut result = vec![0.0; values.len()];
        kernel.measure(&values);
        kernel.forward(&values, &scale, &shift, &mut result);

        let (mut back, inputs, results) = (kernel.clone(), values.clone(), result.clone());
        let count = values.len();
        let name = format!("batch-norm {number}, forward");
        self.add(name, NORM_FORWARD * count, move || {
            kernel.measure(&values);
            kernel.forward(&values, &scale, &shift, &mut result);
        });
        let mut gradient = of_result.clone();
        let (mut for_scale, mut for_shift) = (vec![0.0; channels], vec![0.0; channels]);
        let name = format!("batch-norm {number}, backward");
        self.add(name, NORM_BACKWARD * count, move || {
            // What is computed in place would otherwise shrink to nothing, call by call.
            gradient.copy_from_slice(&of_result);
            let parameters = (for_scale.as_mut_slice(), for_shift.as_mut_slice());
            back.backward((&inputs, &results), true, &mut gradient, parameters);
        });
    }

    /// The three products of the hidden layer.
    fn add_products(&mut self, features: usize, units: usize) {
        let (images, width) = (self.images, self.width);
        let operations = 2 * images * features * units;
        let input = self.numbers(images * features);
        let weights = self.numbers(units * features);
        let of_output = self.half_zeros(images * units);
        let (left, right) = (input.clone(), weights.clone());
        let mut by_input = Right::new(width, features, units);
        let mut output = vec![0.0; images * units];
        let bias = vec![0.0; units];
        self.add("hidden layer, forward".to_owned(), operations, move || {
            by_input.pack_transposed(&right);
            by_input.multiply(&left, &bias, &mut output);
        });
        let mut by_output = Right::new(width, units, features);
        let (mut for_input, gradient) = (vec![0.0; images * features], of_output.clone());
        let name = "hidden layer, gradient of input".to_owned();
        self.add(name, operations, move || {
            by_output.pack(&weights);
            by_output.multiply(&gradient, &[], &mut for_input);
        });
        let mut by_image = Right::new(width, images, features);
        let mut transposed = vec![0.0; of_output.len()];
        let mut for_weights = vec![0.0; units * features];
        let name = "hidden layer, gradient of weights".to_owned();
        self.add(name, operations, move || {
            transpose(&of_output, units, &mut transposed);
            by_image.pack(&input);
            by_image.multiply(&transposed, &[], &mut for_weights);
        });
    }

    fn add_loss(&mut self, classes: usize) {
        let logits = self.numbers(self.images * classes);
        let labels: Vec<u8> = (0..self.images)
            .map(|image| (image % classes) as u8)
            .collect();
        let mut gradient = logits.clone();
        let operations = LOSS_OPERATIONS * logits.len();
        self.add("cross-entropy".to_owned(), operations, move || {
            gradient.copy_from_slice(&logits);
            black_box(mean_loss(&mut gradient, &labels, classes, 0.05));
        });
    }

    fn add_update(&mut self, parameters: usize) {
        let width = self.width;
        let gradient = self.numbers(parameters);
        let mut weights = self.numbers(parameters);
        let mut moments = [vec![0.0; parameters], vec![0.0; parameters]];
        let with = AdamwStep {
            learning_rate: 1e-3,
            weight_decay: 1e-2,
            step: 1_000,
        };
        self.add(
            "AdamW".to_owned(),
            ADAMW_OPERATIONS * parameters,
            move || {
                let [first, second] = &mut moments;
                black_box(adamw(width, &mut weights, &gradient, (first, second), with));
            },
        );
    }

    /// Numbers in -1..1, by Marsaglia's xorshift.
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        let mut next = || {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 17;
            self.random ^= self.random << 5;
            self.random as f32 / (1_u32 << 31) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// As a gradient that has come back through a ReLU.
    fn half_zeros(&mut self, count: usize) -> Vec<f32> {
        let numbers = self.numbers(count).into_iter();
        numbers.map(|number| number.max(0.0)).collect()
    }
}

/// Nothing but a bias; of which value does not matter.
fn plain(ones: &[f32]) -> Epilogue<'_> {
    Epilogue {
        factors: ones,
        bias: ones,
        relu: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_can_be_called_at_every_width() {
        let setting = serde_json::json!({"batch_size": 3, "hidden_units": 16, "conv1_channels": 8});
        let setting = Hyperparameters::from_json(setting.as_object().expect("an object"));
        let setting = setting.expect("a setting");
        for width in Width::available() {
            let kernels = all(&setting, 10, (28, 28), width).expect("a model");
            assert!(kernels.len() > 10);
            for mut kernel in kernels {
                assert!(kernel.operations() > 0, "{}", kernel.name());
                kernel.call();
            }
        }
    }
}
