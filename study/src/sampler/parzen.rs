//! A density over settings: a mixture of one kernel around each known setting and one over all of them.
//! A kernel is a product over the dimensions: a normal distribution within the unit interval for a
//! number, a bump at one place for a choice.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Width of the kernels of numbers where there is one setting in one dimension.
const BANDWIDTH: f64 = 0.2;
/// So many settings at most narrow the kernels.
const NARROWEST: f64 = 100.0;
/// Weight of the kernel over all settings, in settings.
const PRIOR: f64 = 1.0;

/// The mixture.
pub(super) struct Parzen<'a> {
    /// One for each setting; the kernel over all comes after them.
    points: Vec<Vec<f64>>,
    /// By dimension: how many choices; none for numbers.
    choices: &'a [Option<usize>],
    sigma: f64,
    /// By dimension, for the narrow kernels: what of the normal distribution lies within the unit
    /// interval, by point.
    inside: Vec<Vec<f64>>,
}

impl<'a> Parzen<'a> {
    /// Around these points, with one coordinate for each of `choices`. A coordinate that is NaN is one
    /// about which nothing is known.
    pub(super) fn new(points: Vec<Vec<f64>>, choices: &'a [Option<usize>]) -> Self {
        let count = points.len().max(1) as f64;
        // Scott's rule (Scott, "Multivariate Density Estimation", 1992, equation 6.42).
        let scott = BANDWIDTH * libm::pow(count, -1.0 / (choices.len() as f64 + 4.0));
        let sigma = scott.max(0.5 / NARROWEST.min(count + 2.0));
        let inside = |point: &Vec<f64>| {
            let share = |mean: &f64| below((1.0 - mean) / sigma) - below(-mean / sigma);
            point.iter().map(share).collect()
        };
        Self {
            inside: points.iter().map(inside).collect(),
            points,
            choices,
            sigma,
        }
    }

    /// One point, drawn from `rng`.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let share: f64 = rng.random();
        let place = (share * (self.points.len() as f64 + PRIOR)) as usize;
        let point = self.points.get(place);
        (0..self.choices.len())
            .map(|dimension| {
                let mean = point.map_or(f64::NAN, |point| point[dimension]);
                match self.choices[dimension] {
                    Some(count) => self.draw_choice(mean, count, rng),
                    None => self.draw_number(mean, rng),
                }
            })
            .collect()
    }

    fn draw_number(&self, mean: f64, rng: &mut ChaCha8Rng) -> f64 {
        loop {
            if mean.is_nan() {
                return rng.random();
            }
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
        let any = self.share_of_any();
        if place.is_nan() || share < any * count as f64 / (1.0 + any * count as f64) {
            return rng.random_range(0..count) as f64;
        }
        place
    }

    /// What each choice gets beside the kernel's own, in parts of that.
    fn share_of_any(&self) -> f64 {
        PRIOR / (self.points.len() as f64 + PRIOR)
    }

    /// The logarithm of the density at a point.
    pub(super) fn log_density(&self, at: &[f64]) -> f64 {
        let even: f64 = self
            .choices
            .iter()
            .map(|count| count.map_or(1.0, |count| 1.0 / count as f64))
            .product();
        let kernels = self.points.iter().zip(&self.inside);
        let sum: f64 = kernels
            .map(|(point, inside)| self.kernel(point, inside, at))
            .sum();
        libm::log((sum + PRIOR * even) / (self.points.len() as f64 + PRIOR))
    }

    fn kernel(&self, point: &[f64], inside: &[f64], at: &[f64]) -> f64 {
        let mut product = 1.0;
        let mut squares = 0.0;
        for (dimension, count) in self.choices.iter().enumerate() {
            let mean = point[dimension];
            match count {
                Some(count) if mean.is_nan() => product /= *count as f64,
                Some(count) => {
                    let any = self.share_of_any();
                    let own = if mean == at[dimension] { 1.0 } else { 0.0 };
                    product *= (own + any) / (1.0 + any * *count as f64);
                }
                None if mean.is_nan() => {}
                None => {
                    let distance = (at[dimension] - mean) / self.sigma;
                    squares += distance * distance;
                    product *= ONE_OVER_ROOT_TAU / (self.sigma * inside[dimension]);
                }
            }
        }
        product * libm::exp(-0.5 * squares)
    }
}

/// 1 / √(2π).
const ONE_OVER_ROOT_TAU: f64 = 0.398_942_280_401_432_7;

/// The part of the normal distribution below `z`.
fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}
