//! Each layer, each optimiser and 20 steps of whole trainings agree with PyTorch, of which
//! `tests/pytorch/goldens.py` wrote down the results in double precision. The differences left are
//! the trainer's own rounding: single precision carries 6e-8.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use tabsweep_trainer::Hyperparameters;
use tabsweep_trainer::architecture::{Architecture, Role, TensorSpec, initial_values};
use tabsweep_trainer::kernels::activation::scale;
use tabsweep_trainer::kernels::batch_norm::{BatchNorm, Statistics};
use tabsweep_trainer::kernels::convolution::{Direct, Epilogue, Shape};
use tabsweep_trainer::kernels::cross_entropy::mean_loss;
use tabsweep_trainer::kernels::matrix::{Right, transpose};
use tabsweep_trainer::kernels::sparse::Sparse;
use tabsweep_trainer::kernels::sums::bias_gradient;
use tabsweep_trainer::kernels::update::{AdamwStep, adamw, sgd};
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::kernels::winograd::Winograd;
use tabsweep_trainer::lenet::LeNet;
use tabsweep_trainer::network::Randomness;
use tabsweep_trainer::optimizer::Optimizer;
use tabsweep_trainer::philox::Philox;
use tabsweep_trainer::schedule::Schedule;

use crate::fixtures::setting;

/// Steps of a training.
const STEPS: u64 = 20;
/// Images of a training's batches.
const IMAGES: usize = 16;

/// Part of the largest value by which any of a layer may be off: tens of products were added up.
const TOLERANCE: f64 = 2e-6;
/// Likewise after Winograd's transforms.
const TRANSFORMED: f64 = 2e-5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Goldens {
    pooled_convolution: Layer,
    unpooled_convolution: Layer,
    batch_norm_of_batch: Layer,
    batch_norm_of_running: Layer,
    linear: Layer,
    dropout: Layer,
    losses: [Loss; 2],
    adamw: Vec<Vec<f64>>,
    sgd: Vec<Vec<f64>>,
    plain_adamw: Training,
    plain_sgd: Training,
    full_adamw: Training,
    full_sgd: Training,
}

/// A function of drawn tensors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    shapes: Vec<Vec<usize>>,
    result: Vec<f64>,
    gradients: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loss {
    smoothing: f64,
    loss: f64,
    gradient: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    losses: Vec<f64>,
    tensors: BTreeMap<String, Vec<f64>>,
    /// Of a batch more, by the running statistics.
    logits: Vec<f64>,
}

static GOLDENS: LazyLock<Goldens> =
    LazyLock::new(|| serde_json::from_str(include_str!("../pytorch/goldens.json")).unwrap());

/// The script's `value`.
fn value(index: u32) -> f32 {
    let mixed = index.wrapping_add(1).wrapping_mul(2_654_435_761);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
    (((mixed ^ (mixed >> 13)) >> 8) as f32) / 16_777_216.0 - 0.5
}

fn values(count: usize, seed: u32) -> Vec<f32> {
    (10_000 * seed..).take(count).map(value).collect()
}

impl Layer {
    /// The drawn tensor with this number.
    fn argument(&self, number: usize) -> Vec<f32> {
        values(self.shapes[number].iter().product(), number as u32)
    }

    fn gradient_of_result(&self) -> Vec<f32> {
        values(self.result.len(), self.shapes.len() as u32)
    }

    fn check(&self, result: &[f32], gradients: &[&[f32]], tolerance: f64) {
        assert_close("result", result, &self.result, tolerance);
        assert_eq!(gradients.len(), self.gradients.len());
        for (number, found) in gradients.iter().enumerate() {
            let name = format!("gradient {number}");
            assert_close(&name, found, &self.gradients[number], tolerance);
        }
    }
}

/// Each value within a part of the largest expected.
fn assert_close(name: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0, |most, one| one.abs().max(most));
    for (index, (&found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(found) - expected).abs() <= tolerance * largest,
            "{name}: {found} at {index} is not {expected}, of at most {largest}"
        );
    }
}

/// From PyTorch's `[images, channels, places]` to the kernels' `[images, places, channels]`, or of
/// weights likewise; and back with both sizes exchanged.
fn exchanged(values: &[f32], channels: usize, places: usize) -> Vec<f32> {
    let mut exchanged = vec![0.0; values.len()];
    let images = values.chunks_exact(channels * places);
    for (image, target) in images.zip(exchanged.chunks_exact_mut(channels * places)) {
        transpose(image, places, target);
    }
    exchanged
}

/// A convolution's arguments in the order of the kernels.
struct Convolution {
    shape: Shape,
    images: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    of_output: Vec<f32>,
}

impl Convolution {
    fn of(golden: &Layer, pool: bool) -> Self {
        let (images, weights) = (&golden.shapes[0], &golden.shapes[1]);
        let shape = Shape {
            height: images[2],
            width: images[3],
            channels_in: images[1],
            channels_out: weights[0],
            kernel: weights[2],
            pool,
        };
        let (places, taps) = (shape.height * shape.width, shape.kernel * shape.kernel);
        let outputs = shape.output_len() / shape.channels_out;
        Self {
            images: exchanged(&golden.argument(0), shape.channels_in, places),
            weights: exchanged(&golden.argument(1), shape.channels_in, taps),
            bias: golden.argument(2),
            of_output: exchanged(&golden.gradient_of_result(), shape.channels_out, outputs),
            shape,
        }
    }

    fn epilogue<'a>(&'a self, ones: &'a [f32]) -> Epilogue<'a> {
        Epilogue {
            factors: ones,
            bias: &self.bias,
            relu: false,
        }
    }

    fn check(
        &self,
        golden: &Layer,
        output: &[f32],
        (for_images, for_weights): (&[f32], &[f32]),
        tolerance: f64,
    ) {
        let shape = self.shape;
        let (places, taps) = (shape.height * shape.width, shape.kernel * shape.kernel);
        let outputs = shape.output_len() / shape.channels_out;
        let mut for_bias = vec![0.0; shape.channels_out];
        bias_gradient(Width::widest(), &self.of_output, &mut for_bias);
        golden.check(
            &exchanged(output, outputs, shape.channels_out),
            &[
                &exchanged(for_images, places, shape.channels_in),
                &exchanged(for_weights, taps, shape.channels_in),
                &for_bias,
            ],
            tolerance,
        );
    }
}

#[test]
fn a_convolution_with_a_pool_tap_by_tap() {
    let golden = &GOLDENS.pooled_convolution;
    let layer = Convolution::of(golden, true);
    let ones = vec![1.0; layer.shape.channels_out];
    let mut output = vec![0.0; layer.of_output.len()];
    let mut winners = vec![0; output.len()];
    let mut forward = Direct::new(Width::widest(), layer.shape);
    forward.pack(&layer.weights, layer.epilogue(&ones));
    forward.forward(&layer.images, &mut output, &mut winners);

    let mut backward = Sparse::new(Width::widest(), layer.shape);
    let mut images = layer.images.clone();
    images.resize(images.len() + Sparse::slack(Width::widest()), 0.0);
    let mut for_images = vec![0.0; images.len()];
    let mut for_weights = vec![0.0; layer.weights.len()];
    backward.weights(&images, &winners, &layer.of_output, &mut for_weights);
    backward.input(&layer.weights, &winners, &layer.of_output, &mut for_images);
    for_images.truncate(layer.images.len());
    layer.check(golden, &output, (&for_images, &for_weights), TOLERANCE);
}

fn check_tiles(golden: &Layer, pool: bool) {
    let layer = Convolution::of(golden, pool);
    let ones = vec![1.0; layer.shape.channels_out];
    let mut output = vec![0.0; layer.of_output.len()];
    let mut winners = vec![0; output.len()];
    let mut winograd = Winograd::new(Width::widest(), layer.shape);
    winograd.pack(&layer.weights, layer.epilogue(&ones));
    winograd.forward(&layer.images, &mut output, &mut winners);
    let mut for_images = vec![0.0; layer.images.len()];
    let mut for_weights = vec![0.0; layer.weights.len()];
    winograd.backward(
        &layer.images,
        &winners,
        &layer.of_output,
        &mut for_weights,
        Some(&mut for_images),
    );
    layer.check(golden, &output, (&for_images, &for_weights), TRANSFORMED);
}

#[test]
fn a_convolution_with_a_pool_tile_by_tile() {
    check_tiles(&GOLDENS.pooled_convolution, true);
}

#[test]
fn a_convolution_without_a_pool() {
    check_tiles(&GOLDENS.unpooled_convolution, false);
}

fn check_batch_norm(golden: &Layer, running: Option<&Statistics>) {
    let [_, channels, height, width] = golden.shapes[0][..] else {
        panic!("images have four dimensions");
    };
    let places = height * width;
    let images = exchanged(&golden.argument(0), channels, places);
    let mut gradient = exchanged(&golden.gradient_of_result(), channels, places);
    let mut result = vec![0.0; images.len()];
    let (mut for_scale, mut for_shift) = (vec![0.0; channels], vec![0.0; channels]);
    let mut norm = BatchNorm::new(Width::widest(), channels);
    match running {
        None => norm.measure(&images),
        Some(running) => norm.adopt(running),
    }
    norm.forward(
        &images,
        &golden.argument(1),
        &golden.argument(2),
        &mut result,
    );
    norm.backward(
        (&images, &result),
        running.is_none(),
        &mut gradient,
        (&mut for_scale, &mut for_shift),
    );
    golden.check(
        &exchanged(&result, places, channels),
        &[
            &exchanged(&gradient, places, channels),
            &for_scale,
            &for_shift,
        ],
        TOLERANCE,
    );
}

#[test]
fn batch_norm_by_the_batchs_statistics() {
    check_batch_norm(&GOLDENS.batch_norm_of_batch, None);
}

#[test]
fn batch_norm_by_running_statistics() {
    let mut variance = values(6, 91);
    variance.iter_mut().for_each(|variance| *variance += 1.0);
    let mean = values(6, 90);
    check_batch_norm(
        &GOLDENS.batch_norm_of_running,
        Some(&Statistics { mean, variance }),
    );
}

#[test]
fn a_linear_layer() {
    let golden = &GOLDENS.linear;
    let [images, inputs, outputs] = [
        golden.shapes[0][0],
        golden.shapes[0][1],
        golden.shapes[1][0],
    ];
    let (input, weights, bias) = (golden.argument(0), golden.argument(1), golden.argument(2));
    let of_output = golden.gradient_of_result();
    let product = |depth, columns, (left, right, bias): (&[f32], &[f32], &[f32])| {
        let mut product = vec![0.0; left.len() / depth * columns];
        let mut factor = Right::new(Width::widest(), depth, columns);
        factor.pack(right);
        factor.multiply(left, bias, &mut product);
        product
    };
    let result = product(
        inputs,
        outputs,
        (&input, &exchanged(&weights, outputs, inputs), &bias),
    );
    let for_input = product(outputs, inputs, (&of_output, &weights, &[]));
    let by_output = exchanged(&of_output, images, outputs);
    let for_weights = product(images, inputs, (&by_output, &input, &[]));
    let mut for_bias = vec![0.0; outputs];
    bias_gradient(Width::widest(), &of_output, &mut for_bias);
    golden.check(&result, &[&for_input, &for_weights, &for_bias], TOLERANCE);
}

#[test]
fn dropout_of_given_units() {
    let golden = &GOLDENS.dropout;
    let kept = (1.0 / (1.0 - 0.25)) as f32;
    let factors: Vec<f32> = (0..golden.result.len())
        .map(|unit| if unit % 3 > 0 { kept } else { 0.0 })
        .collect();
    let (mut result, mut gradient) = (golden.argument(0), golden.gradient_of_result());
    scale(&mut result, &factors);
    scale(&mut gradient, &factors);
    golden.check(&result, &[&gradient], TOLERANCE);
}

#[test]
fn cross_entropy_with_and_without_smoothing() {
    for golden in &GOLDENS.losses {
        let labels = [0, 1, 2, 3, 4, 0];
        let mut logits = values(6 * 5, 0);
        logits.iter_mut().for_each(|logit| *logit *= 8.0);
        let loss = mean_loss(&mut logits, &labels, 5, golden.smoothing);
        assert_close("loss", &[loss], &[golden.loss], TOLERANCE);
        assert_close("gradient", &logits, &golden.gradient, TOLERANCE);
    }
}

/// Rate and decay of all updates.
const RATES: (f64, f64) = (0.01, 0.1);

#[test]
fn steps_of_adamw() {
    let mut weights = values(21, 0);
    let (mut first, mut second) = (vec![0.0; 21], vec![0.0; 21]);
    for (step, expected) in (1..).zip(&GOLDENS.adamw) {
        let with = AdamwStep {
            learning_rate: RATES.0,
            weight_decay: RATES.1,
            step,
        };
        let gradient = values(21, step as u32);
        let moments = (first.as_mut_slice(), second.as_mut_slice());
        assert!(adamw(
            Width::widest(),
            &mut weights,
            &gradient,
            moments,
            with
        ));
        assert_close(&format!("step {step}"), &weights, expected, TOLERANCE);
    }
}

#[test]
fn steps_of_sgd() {
    let (mut weights, mut velocity) = (values(21, 0), vec![0.0; 21]);
    for (step, expected) in (1..).zip(&GOLDENS.sgd) {
        let gradient = values(21, step);
        assert!(sgd(
            Width::widest(),
            &mut weights,
            &gradient,
            &mut velocity,
            RATES
        ));
        assert_close(&format!("step {step}"), &weights, expected, TOLERANCE);
    }
}

const PLAIN: &str = r#""conv1_channels": 3, "conv2_channels": 9, "kernel_size": 3,
    "hidden_units": 7"#;
const FULL: &str = r#""conv1_channels": 8, "middle_channels": 5, "conv2_channels": 9,
    "kernel_size": 5, "conv2_kernel_size": 3, "hidden_units": 11, "batch_norm": true,
    "label_smoothing": 0.1, "schedule": "one_cycle""#;

/// Trains as the script does.
struct Trial<'a> {
    golden: &'a Training,
    setting: Hyperparameters,
    /// Rows and columns of an image.
    size: (usize, usize),
    tolerance: f64,
}

impl Trial<'_> {
    fn model(&self) -> LeNet {
        let (height, width) = self.size;
        let architecture = Architecture::new(&self.setting, 4, height, width).unwrap();
        let mut seed = 0;
        let values = |spec: &TensorSpec| match spec.role {
            Role::Running { .. } => Ok(initial_values(spec, &Philox::new(0))),
            Role::Drawn { .. } | Role::Constant { .. } => {
                seed += 1;
                Ok::<_, candle_core::Error>(values(spec.count(), seed - 1))
            }
        };
        LeNet::new(architecture, Width::widest(), values).unwrap()
    }

    /// The images of the step that `done` steps precede.
    fn fill(&self, done: u64) -> impl FnOnce(&mut [f32]) + use<> {
        move |input| {
            let drawn = values(input.len(), 100 + done as u32);
            for (input, value) in input.iter_mut().zip(drawn) {
                *input = 2.0 * value;
            }
        }
    }

    fn train(&self) -> LeNet {
        let model = self.model();
        let count = model.parameters().elem_count();
        let mut optimizer = Optimizer::fresh(&self.setting, Width::widest(), count);
        let (kind, rate) = (self.setting.schedule, self.setting.learning_rate);
        let schedule = Schedule::new(kind, rate, STEPS);
        for done in 0..STEPS {
            let randomness = Randomness {
                philox: Philox::new(0),
                step: done,
            };
            let labels: Vec<u8> = (done..)
                .take(IMAGES)
                .map(|label| (label % 4) as u8)
                .collect();
            let smoothing = self.setting.label_smoothing;
            let loss = model.loss(self.fill(done), &labels, smoothing, randomness);
            let loss = loss.unwrap();
            let expected = self.golden.losses[done as usize];
            let name = format!("loss {done}");
            assert_close(
                &name,
                &[loss.to_scalar().unwrap()],
                &[expected],
                self.tolerance,
            );
            loss.backward().unwrap();
            let rate = schedule.learning_rate(done);
            let update =
                |gradient: &[f32]| optimizer.update(model.parameters(), gradient, rate, done + 1);
            assert!(model.with_gradient(update).unwrap());
        }
        model
    }

    /// Compares what the training left in the tensors that `is_determined`.
    fn check(&self, is_determined: impl Fn(&str) -> bool) -> LeNet {
        let model = self.train();
        let tensors = model.tensors().unwrap();
        assert_eq!(tensors.len(), self.golden.tensors.len());
        for (spec, found) in tensors {
            let expected = &self.golden.tensors[&spec.name];
            if is_determined(&spec.name) {
                assert_close(&spec.name, &found, expected, self.tolerance);
            }
        }
        model
    }

    fn check_all(&self) {
        let model = self.check(|_| true);
        let logits = model.logits(self.fill(STEPS), IMAGES).unwrap();
        assert_close("logits", &logits, &self.golden.logits, self.tolerance);
    }
}

fn sized(setting_json: &str, optimizer: &str) -> Hyperparameters {
    setting(&format!(
        r#"{{{setting_json}, "optimizer": "{optimizer}", "learning_rate": 0.01,
            "weight_decay": 0.1}}"#
    ))
}

#[test]
fn twenty_plain_steps_of_adamw() {
    let trial = Trial {
        golden: &GOLDENS.plain_adamw,
        setting: sized(PLAIN, "adamw"),
        size: (14, 12),
        tolerance: 1e-5,
    };
    trial.check_all();
}

#[test]
fn twenty_plain_steps_of_sgd() {
    let trial = Trial {
        golden: &GOLDENS.plain_sgd,
        setting: sized(PLAIN, "sgd"),
        size: (14, 12),
        tolerance: 1e-5,
    };
    trial.check_all();
}

#[test]
fn twenty_full_steps_of_adamw() {
    let trial = Trial {
        golden: &GOLDENS.full_adamw,
        setting: sized(FULL, "adamw"),
        size: (19, 18),
        // Adam's first steps have the sign of the gradient and hardly its size: where that is nearly
        // 0, what rounding made of it shows. PyTorch in single precision is 1e-4 off, too.
        tolerance: 5e-4,
    };
    // A bias that the next batch-norm takes out again has a gradient of 0, of which rounding leaves a
    // sign for Adam to follow; and the running means follow the biases.
    trial.check(|name| {
        name == "output.bias" || !(name.ends_with(".bias") || name.ends_with(".running_mean"))
    });
}

#[test]
fn twenty_full_steps_of_sgd() {
    let trial = Trial {
        golden: &GOLDENS.full_sgd,
        setting: sized(FULL, "sgd"),
        size: (19, 18),
        tolerance: 1e-5,
    };
    trial.check_all();
}
