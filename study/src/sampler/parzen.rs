//! A density over settings: a mixture of one kernel around each known setting and one over all of them.
//! A kernel is a product over the dimensions: a normal distribution within the unit interval for a
//! number, a bump at one place for a choice, and in each dimension a part that lies anywhere, so that
//! a setting says something about those that differ from it in one hyper-parameter alone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Width of the kernel of numbers around a single setting. Wider ones stay farther from the bottom of a
/// bowl, narrower ones in the first that they find.
const BANDWIDTH: f64 = 0.07;
/// What all choices share beside those of the kernels, in settings.
const ANY_CHOICE: f64 = 8.0;
/// What all whole numbers of a range share, likewise. The fewer settings, the less each says about
/// others: a mixture of few good ones reaches far, one of many others does not.
const ANY_WHOLE: f64 = 4.0;
/// Weight of the kernel over all settings, beside others whose weights are 1 in the mean.
const PRIOR: f64 = 1.0;

/// Widths from the centre beyond which a kernel counts as 0.
const FARTHEST: f64 = 8.0;

/// How far kernels reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Their width, in parts of what their number asks for.
    pub(super) width: f64,
    /// The part of each that lies anywhere on the axis of a real number.
    pub(super) tail: f64,
}

/// What a coordinate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// A real number's share of the way, from 0 to 1.
    Real,
    /// A whole number's.
    Whole,
    /// A place among so many.
    Choice(usize),
}

/// The mixture.
pub(super) struct Parzen<'a> {
    kernels: Vec<Kernel>,
    axes: &'a [Axis],
    sigma: f64,
    /// What each choice gets beside a kernel's own, in parts of that.
    any: f64,
    /// The part of a kernel that lies anywhere, of real numbers and of whole ones.
    tails: Tails,
    /// Of all kernels together.
    weight: f64,
}

#[derive(Clone, Copy)]
struct Tails {
    real: f64,
    whole: f64,
}

/// What lies around one setting.
struct Kernel {
    weight: f64,
    /// Coordinates; NaN where the setting has none.
    center: Vec<f64>,
    /// Of numbers, the density at the centre: 1 / (σ √2π), and more where a bound cuts a part off.
    peak: Vec<f64>,
}

impl<'a> Parzen<'a> {
    /// Around these points, each with a weight and with a coordinate for each of `axes`.
    pub(super) fn new(points: Vec<(f64, Vec<f64>)>, axes: &'a [Axis], reach: Reach) -> Self {
        let sigma = reach.width * bandwidth(points.len(), axes.len());
        let any = ANY_CHOICE / (points.len() as f64 + 1.0);
        let tails = Tails {
            real: reach.tail,
            whole: ANY_WHOLE / (points.len() as f64 + ANY_WHOLE),
        };
        let kernels = points.into_iter().map(|(weight, center)| {
            let peak = center.iter().map(|mean| peak(*mean, sigma)).collect();
            Kernel {
                weight,
                center,
                peak,
            }
        });
        let kernels: Vec<Kernel> = kernels.collect();
        let weight = PRIOR + kernels.iter().map(|kernel| kernel.weight).sum::<f64>();
        Self {
            kernels,
            axes,
            sigma,
            any,
            tails,
            weight,
        }
    }

    /// One point, drawn from `rng`.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let share: f64 = rng.random();
        let mut left = share * self.weight;
        let kernel = self.kernels.iter().find(|kernel| {
            left -= kernel.weight;
            left < 0.0
        });
        let coordinate = |(place, axis): (usize, &Axis)| {
            let mean = kernel.map_or(f64::NAN, |kernel| kernel.center[place]);
            match *axis {
                Axis::Choice(count) => self.draw_choice(mean, count, rng),
                Axis::Real => self.draw_number(mean, self.tails.real, rng),
                Axis::Whole => self.draw_number(mean, self.tails.whole, rng),
            }
        };
        self.axes.iter().enumerate().map(coordinate).collect()
    }

    fn draw_number(&self, mean: f64, tail: f64, rng: &mut ChaCha8Rng) -> f64 {
        let share: f64 = rng.random();
        if mean.is_nan() || share < tail {
            return rng.random();
        }
        loop {
            // Box and Muller, 1958.
            let (radius, angle): (f64, f64) = (rng.random(), rng.random());
            let radius = libm::sqrt(-2.0 * libm::log(1.0 - radius));
            let found = mean + self.sigma * radius * libm::cos(std::f64::consts::TAU * angle);
            if (0.0..1.0).contains(&found) {
                return found;
            }
        }
    }

    fn draw_choice(&self, place: f64, count: usize, rng: &mut ChaCha8Rng) -> f64 {
        let share: f64 = rng.random();
        let any = self.any * count as f64;
        if place.is_nan() || share < any / (1.0 + any) {
            return rng.random_range(0..count) as f64;
        }
        place
    }

    /// The logarithm of the density at a point. A coordinate that is NaN is one that the point does
    /// not have, and of which nothing is asked.
    pub(super) fn log_density(&self, at: &[f64]) -> f64 {
        let even = self.axes.iter().zip(at).map(|(axis, at)| match axis {
            Axis::Choice(count) if !at.is_nan() => 1.0 / *count as f64,
            _ => 1.0,
        });
        let even: f64 = even.product();
        let kernels = self.kernels.iter();
        let sum: f64 = kernels.map(|kernel| self.density(kernel, at)).sum();
        libm::log((sum + PRIOR * even) / self.weight)
    }

    fn density(&self, kernel: &Kernel, at: &[f64]) -> f64 {
        let mut product = kernel.weight;
        for (place, axis) in self.axes.iter().enumerate() {
            let (mean, at) = (kernel.center[place], at[place]);
            if at.is_nan() {
                continue;
            }
            let number = |tail: f64| match mean.is_nan() {
                true => 1.0,
                false => tail + (1.0 - tail) * self.bell(mean, kernel.peak[place], at),
            };
            product *= match *axis {
                Axis::Choice(count) if mean.is_nan() => 1.0 / count as f64,
                Axis::Choice(count) => {
                    let own = if mean == at { 1.0 } else { 0.0 };
                    (own + self.any) / (1.0 + self.any * count as f64)
                }
                Axis::Real => number(self.tails.real),
                Axis::Whole => number(self.tails.whole),
            };
        }
        product
    }

    fn bell(&self, mean: f64, peak: f64, at: f64) -> f64 {
        let distance = (at - mean) / self.sigma;
        match distance.abs() < FARTHEST {
            true => peak * libm::exp(-0.5 * distance * distance),
            false => 0.0,
        }
    }
}

/// Scott's rule (Scott, "Multivariate Density Estimation", 1992, equation 6.42), and wider while there
/// are few points: the clipping of Bergstra's Hyperopt (Watanabe, "Tree-Structured Parzen Estimator:
/// Understanding Its Algorithm Components", 2023, section 3.3).
fn bandwidth(points: usize, axes: usize) -> f64 {
    let count = points.max(1) as f64;
    let scott = BANDWIDTH * libm::pow(count, -1.0 / (axes as f64 + 4.0));
    scott.max(0.5 / (count + 2.0))
}

fn peak(mean: f64, sigma: f64) -> f64 {
    let inside = below((1.0 - mean) / sigma) - below(-mean / sigma);
    ONE_OVER_ROOT_TAU / (sigma * inside)
}

/// 1 / √(2π).
const ONE_OVER_ROOT_TAU: f64 = 0.398_942_280_401_432_7;

/// The part of the normal distribution below `z`.
fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}
