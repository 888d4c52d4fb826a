//! The gradient of every parameter tensor agrees with central differences of the loss in double
//! precision, whatever the layers, channels, images and batch, at every width of vectors.

use crate::fixtures::setting;
use crate::reference::{Batch, Parameters, Reference, Running};
use tabsweep_trainer::Hyperparameters;
use tabsweep_trainer::architecture::{Architecture, Role, TensorSpec, initial_values};
use tabsweep_trainer::kernels::activation::dropout_factors;
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::network::{Network, Randomness};
use tabsweep_trainer::philox::{Draws, Philox, Stream};

/// How far a tensor is moved to either side. With the pools' and ReLUs' choices held, the loss is
/// smooth: what the difference leaves out goes with the square, about 1e-10, and the rounding of a
/// loss in double precision, over twice this, is about 1e-11.
const DISTANCE: f64 = 1e-5;

/// Part of a tensor's largest gradient by which any may be off. Single precision carries 6e-8. Sums
/// of hundreds of products and Winograd's transforms lose up to two digits of it, as does a
/// batch-norm over few images; an entry left out, or one too many, is off by far more.
const TOLERANCE: f64 = 5e-5;

/// Likewise, as a part of the largest gradient of all tensors: the bias before a batch-norm has
/// none, and what rounding leaves of it has to be small beside the others.
const TOLERANCE_OF_ALL: f64 = 2e-6;

/// Entries of a tensor that are moved on their own, beside the first and the last.
const ENTRIES: usize = 12;

/// Outputs of a tensor, beside the first and the last, all of whose weights are moved at once.
const OUTPUTS: usize = 12;

const STEP: u64 = 7;

/// A setting and a batch to take the gradient for.
struct Case {
    setting: &'static str,
    classes: usize,
    /// Rows and columns of an image.
    size: (usize, usize),
    images: usize,
}

impl Case {
    fn check(&self) {
        let setting = setting(self.setting);
        let (height, width) = self.size;
        let architecture = Architecture::new(&setting, self.classes, height, width).unwrap();
        let point = Point::draw(&architecture, &setting, self.images);
        let computed = point.computed_at_every_width(&architecture, &setting);
        let gradient = by_tensor(&point.specs, &computed.gradient);
        let reference = Reference::new(point.batch(self, &setting), &point.parameters);
        let loss = reference.loss(&point.parameters, 0);
        assert!(
            (loss - f64::from(computed.loss)).abs() < 1e-5,
            "{}",
            self.setting
        );

        let largest = |tensor: &Vec<f64>| tensor.iter().fold(0.0, |most, one| one.abs().max(most));
        let largest_of_all = gradient.iter().map(largest).fold(0.0, f64::max);
        for (tensor, spec) in point.specs.iter().enumerate() {
            let allowed =
                TOLERANCE * largest(&gradient[tensor]) + TOLERANCE_OF_ALL * largest_of_all;
            for direction in directions(spec) {
                let expected = slope(&reference, &point.parameters, tensor, &direction);
                let moved = direction
                    .iter()
                    .map(|&(at, part)| gradient[tensor][at] * part);
                let found: f64 = moved.sum();
                assert!(
                    (found - expected).abs() <= allowed,
                    "{}: {} along {} entries from {}: {found} is not {expected}; the nearest \
                     choice of a pool or ReLU is {:e} away",
                    self.setting,
                    spec.name,
                    direction.len(),
                    direction[0].0,
                    reference.margin,
                );
            }
        }
    }
}

/// Which entries to move, and how far each: a unit vector.
type Direction = Vec<(usize, f64)>;

/// Single entries, and whole outputs with signs drawn: an error in any one entry shows there.
fn directions(spec: &TensorSpec) -> Vec<Direction> {
    let mut draws = Philox::new(5).draws(Stream::Shuffle, spec.count() as u64);
    let of_output = spec.count() / spec.shape[0];
    let mut directions: Vec<Direction> = sample(spec.count(), ENTRIES, &mut draws)
        .into_iter()
        .map(|entry| vec![(entry, 1.0)])
        .collect();
    if of_output == 1 {
        return directions;
    }
    for output in sample(spec.shape[0], OUTPUTS, &mut draws) {
        let part = 1.0 / (of_output as f64).sqrt();
        let entries = output * of_output..(output + 1) * of_output;
        let signed = entries.map(|entry| (entry, if draws.below(2) == 0 { part } else { -part }));
        directions.push(signed.collect());
    }
    directions
}

/// The first, the last and up to `most` others of `count`.
fn sample(count: usize, most: usize, draws: &mut Draws) -> Vec<usize> {
    let mut chosen: Vec<usize> = if count <= most + 2 {
        (0..count).collect()
    } else {
        let drawn = (0..most).map(|_| draws.below(count as u32) as usize);
        drawn.chain([0, count - 1]).collect()
    };
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

fn slope(
    reference: &Reference,
    parameters: &Parameters,
    tensor: usize,
    direction: &Direction,
) -> f64 {
    let loss_at = |distance: f64| {
        let mut moved = parameters.clone();
        for &(entry, part) in direction {
            moved[tensor][entry] += distance * part;
        }
        reference.loss(&moved, tensor)
    };
    (loss_at(DISTANCE) - loss_at(-DISTANCE)) / (2.0 * DISTANCE)
}

/// What the trainer computes.
#[derive(PartialEq)]
struct Computed {
    loss: f32,
    /// In the order of memory.
    gradient: Vec<f32>,
}

/// Parameters and a batch, drawn.
struct Point {
    /// Of what is trained.
    specs: Vec<TensorSpec>,
    parameters: Parameters,
    running: Vec<Running>,
    images: Vec<f32>,
    labels: Vec<u8>,
    randomness: Randomness,
}

impl Point {
    fn draw(architecture: &Architecture, setting: &Hyperparameters, count: usize) -> Self {
        let philox = Philox::new(3);
        let mut draws = philox.draws(Stream::Warp, 0);
        let mut specs = architecture.tensors();
        specs.retain(TensorSpec::is_trained);
        let mut values = |spec: &TensorSpec| {
            let mut values = initial_values(spec, &philox);
            if let Role::Constant { .. } = spec.role {
                // Scales and shifts that differ from each other and from what they begin as.
                values
                    .iter_mut()
                    .for_each(|value| *value += draws.unit() - 0.5);
            }
            values.into_iter().map(f64::from).collect()
        };
        let parameters = specs.iter().map(&mut values).collect();
        let units = architecture.hidden_units();
        let channels = architecture.convolutions().into_iter();
        let channels = channels.map(|shape| shape.channels_out).chain([units]);
        let mut running = |channels: usize| Running {
            mean: (0..channels)
                .map(|_| f64::from(draws.unit() - 0.5))
                .collect(),
            variance: (0..channels)
                .map(|_| f64::from(draws.unit() + 0.5))
                .collect(),
        };
        Self {
            running: if setting.batch_norm {
                channels.map(&mut running).collect()
            } else {
                Vec::new()
            },
            images: (0..count * architecture.pixels())
                .map(|_| 3.0 * draws.unit() - 1.0)
                .collect(),
            labels: (0..count)
                .map(|_| draws.below(architecture.classes() as u32) as u8)
                .collect(),
            randomness: Randomness { philox, step: STEP },
            specs,
            parameters,
        }
    }

    fn batch<'a>(&self, case: &Case, setting: &'a Hyperparameters) -> Batch<'a> {
        let dropped = if setting.dropout > 0.0 {
            self.labels.len() * setting.hidden_units
        } else {
            0
        };
        let mut factors = vec![0.0; dropped];
        let draws = self.randomness.philox.draws(Stream::Dropout, STEP);
        dropout_factors(&mut factors, setting.dropout, draws);
        Batch {
            setting,
            classes: case.classes,
            size: case.size,
            images: self.images.iter().copied().map(f64::from).collect(),
            labels: self.labels.iter().copied().map(usize::from).collect(),
            running: self.running.clone(),
            dropout_factors: factors.into_iter().map(f64::from).collect(),
        }
    }

    /// Loss and gradient, which are the same at every width to the bit.
    fn computed_at_every_width(
        &self,
        architecture: &Architecture,
        setting: &Hyperparameters,
    ) -> Computed {
        let widths = Width::available().into_iter();
        let mut computed = widths.map(|width| (width, self.computed(architecture, setting, width)));
        let (_, first) = computed.next().unwrap();
        for (width, other) in computed {
            assert!(other == first, "{setting:?}: other bits with {width}");
        }
        first
    }

    /// After a pass over a larger batch, so that what it left in memory would show.
    fn computed(
        &self,
        architecture: &Architecture,
        setting: &Hyperparameters,
        width: Width,
    ) -> Computed {
        let mut network = Network::new(architecture, width);
        let parameters = self.in_memory();
        let mut gradient = vec![f32::NAN; parameters.len()];
        let larger = self.labels.len() + 3;
        network.input(larger).fill(0.75);
        let (smoothing, labels) = (setting.label_smoothing, vec![0; larger]);
        network.loss(&parameters, &labels, smoothing, self.randomness);
        network.gradient(&parameters, &mut gradient);

        for (statistics, running) in network.running_mut().zip(&self.running) {
            statistics.mean = running.mean.iter().map(|&mean| mean as f32).collect();
            statistics.variance = running.variance.iter().map(|&one| one as f32).collect();
        }
        network
            .input(self.labels.len())
            .copy_from_slice(&self.images);
        let loss = network.loss(&parameters, &self.labels, smoothing, self.randomness);
        network.gradient(&parameters, &mut gradient);
        Computed { loss, gradient }
    }

    fn in_memory(&self) -> Vec<f32> {
        let tensors = self.specs.iter().zip(&self.parameters);
        tensors
            .flat_map(|(spec, values)| {
                spec.ordered_for_memory(values.iter().map(|&value| value as f32).collect())
            })
            .collect()
    }
}

/// In the order of files.
fn by_tensor(specs: &[TensorSpec], mut gradient: &[f32]) -> Parameters {
    let of_spec = |spec: &TensorSpec| {
        let (values, rest) = gradient.split_at(spec.count());
        gradient = rest;
        let values = spec.ordered_for_files(values.to_vec());
        values.into_iter().map(f64::from).collect()
    };
    let tensors = specs.iter().map(of_spec).collect();
    assert!(gradient.is_empty());
    tensors
}

#[test]
fn without_anything_switched_on() {
    let cases = [
        // The pools leave out a last row or column, or both.
        (r#"{"conv1_channels": 1, "conv2_channels": 1}"#, (11, 12)),
        (r#"{"conv1_channels": 3, "conv2_channels": 8}"#, (13, 15)),
        (r#"{"conv1_channels": 8, "conv2_channels": 3}"#, (14, 13)),
        (r#"{"conv1_channels": 11, "conv2_channels": 16}"#, (16, 18)),
        (
            r#"{"conv1_channels": 16, "conv2_channels": 11, "hidden_units": 33}"#,
            (15, 15),
        ),
        (
            r#"{"conv1_channels": 1, "conv2_channels": 11, "kernel_size": 5}"#,
            (20, 17),
        ),
        (
            r#"{"conv1_channels": 3, "conv2_channels": 16, "kernel_size": 5}"#,
            (21, 22),
        ),
        (
            r#"{"conv1_channels": 8, "conv2_channels": 8, "kernel_size": 5}"#,
            (19, 23),
        ),
        (
            r#"{"conv1_channels": 11, "conv2_channels": 1, "kernel_size": 5}"#,
            (20, 19),
        ),
        (
            r#"{"conv1_channels": 16, "conv2_channels": 3, "kernel_size": 5}"#,
            (17, 21),
        ),
        (
            r#"{"conv1_channels": 3, "kernel_size": 5, "conv2_kernel_size": 3}"#,
            (15, 16),
        ),
        (
            r#"{"conv1_channels": 9, "kernel_size": 3, "conv2_kernel_size": 5}"#,
            (17, 16),
        ),
    ];
    for (setting, size) in cases {
        let case = Case {
            setting,
            classes: 4,
            size,
            images: 5,
        };
        case.check();
    }
}

#[test]
fn with_batch_norm() {
    let cases = [
        (
            r#"{"batch_norm": true, "conv1_channels": 3, "conv2_channels": 8}"#,
            (13, 15),
        ),
        (
            r#"{"batch_norm": true, "conv1_channels": 8, "conv2_channels": 11}"#,
            (14, 13),
        ),
        (
            r#"{"batch_norm": true, "conv1_channels": 16, "conv2_channels": 17, "kernel_size": 5}"#,
            (20, 19),
        ),
        (
            r#"{"batch_norm": true, "conv1_channels": 1, "conv2_channels": 16, "kernel_size": 5}"#,
            (17, 21),
        ),
    ];
    for (setting, size) in cases {
        let case = Case {
            setting,
            classes: 5,
            size,
            images: 6,
        };
        case.check();
    }
}

#[test]
fn with_dropout_and_smoothing() {
    let settings = [
        r#"{"dropout": 0.4}"#,
        r#"{"label_smoothing": 0.2}"#,
        r#"{"dropout": 0.3, "label_smoothing": 0.1, "batch_norm": true, "hidden_units": 21}"#,
    ];
    for setting in settings {
        let case = Case {
            setting,
            classes: 10,
            size: (14, 14),
            images: 7,
        };
        case.check();
    }
}

#[test]
fn with_a_convolution_in_the_middle() {
    let cases = [
        (r#"{"middle_channels": 5, "conv2_channels": 8}"#, (17, 16)),
        (
            r#"{"middle_channels": 9, "conv1_channels": 8, "conv2_channels": 16}"#,
            (18, 19),
        ),
        (
            r#"{"middle_channels": 5, "kernel_size": 5, "batch_norm": true}"#,
            (24, 23),
        ),
        (
            r#"{"middle_channels": 9, "conv1_channels": 11, "kernel_size": 5,
                "conv2_kernel_size": 3, "batch_norm": true, "label_smoothing": 0.1}"#,
            (19, 20),
        ),
        (
            r#"{"middle_channels": 17, "conv1_channels": 1, "conv2_channels": 3}"#,
            (16, 17),
        ),
    ];
    for (setting, size) in cases {
        let case = Case {
            setting,
            classes: 4,
            size,
            images: 4,
        };
        case.check();
    }
}

#[test]
fn of_a_single_image() {
    let settings = [
        "{}",
        r#"{"conv1_channels": 8, "conv2_channels": 11}"#,
        r#"{"batch_norm": true, "conv1_channels": 8, "dropout": 0.2}"#,
        r#"{"batch_norm": true, "middle_channels": 5}"#,
    ];
    for setting in settings {
        let case = Case {
            setting,
            classes: 3,
            size: (17, 16),
            images: 1,
        };
        case.check();
    }
    // One window is left, so that running statistics stand in after the second pool too.
    let setting = r#"{"batch_norm": true, "label_smoothing": 0.1}"#;
    let case = Case {
        setting,
        classes: 3,
        size: (10, 11),
        images: 1,
    };
    case.check();
}

#[test]
fn of_digits() {
    let settings = [
        r#"{"conv1_channels": 16, "conv2_channels": 32, "kernel_size": 5, "hidden_units": 128}"#,
        r#"{"conv1_channels": 8, "middle_channels": 16, "conv2_channels": 16, "kernel_size": 5,
            "conv2_kernel_size": 3, "batch_norm": true, "dropout": 0.1, "label_smoothing": 0.05}"#,
    ];
    for setting in settings {
        // More images than are transformed at a time.
        let case = Case {
            setting,
            classes: 10,
            size: (28, 28),
            images: 7,
        };
        case.check();
    }
}
