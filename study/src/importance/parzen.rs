//! How trials spread over the values of one hyper-parameter: a Parzen estimate on a grid, with kernels
//! as wide as the trials say. In the details as Optuna's `PedAnovaImportanceEvaluator`, so that both
//! give the same figures.

use tabsweep_protocol::Value;

use crate::Distribution;

/// Points of the grid of a hyper-parameter that has as many values or more.
const MOST_POINTS: usize = 50;
/// Weight of the even spread that is added, in trials.
const PRIOR: f64 = 1.0;
/// So that no density is 0.
const LEAST_DENSITY: f64 = 1e-12;
/// 90 % of a kernel shall lie within its point of the grid, at least: that is within 1.64 σ.
const LEAST_SIGMA: f64 = 0.5 / 1.64;

/// A hyper-parameter's values, as points from 0 on.
#[derive(Clone, Debug)]
pub(super) enum Axis {
    Numbers {
        low: f64,
        high: f64,
        is_log: bool,
        /// At least 2.
        points: usize,
    },
    /// At least two.
    Choices(Vec<Value>),
}

impl Axis {
    /// None where there is but one value.
    pub(super) fn of(distribution: &Distribution) -> Option<Self> {
        match distribution {
            Distribution::Float(range) => {
                Self::numbers(range.low(), range.high(), range.is_log(), MOST_POINTS)
            }
            Distribution::Int(range) => {
                let width = range.high() - range.low();
                let points = if range.is_log() {
                    libm::ceil(libm::log((width + 1) as f64) / libm::log(2.0)) as usize + 1
                } else {
                    (width / range.step()) as usize + 1
                };
                let points = points.min(MOST_POINTS);
                Self::numbers(
                    range.low() as f64,
                    range.high() as f64,
                    range.is_log(),
                    points,
                )
            }
            Distribution::Categorical { choices } => {
                let values = choices.values();
                (values.len() > 1).then(|| Self::Choices(values.to_vec()))
            }
            Distribution::Fixed { .. } => None,
        }
    }

    fn numbers(low: f64, high: f64, is_log: bool, points: usize) -> Option<Self> {
        let at = |bound: f64| if is_log { libm::log(bound) } else { bound };
        (low < high).then(|| Self::Numbers {
            low: at(low),
            high: at(high),
            is_log,
            points,
        })
    }

    /// The point nearest to a value; none of one that is of another kind.
    pub(super) fn place(&self, value: &Value) -> Option<usize> {
        match self {
            Self::Choices(values) => values.iter().position(|known| known == value),
            Self::Numbers {
                low,
                high,
                is_log,
                points,
            } => {
                let number = match value {
                    Value::Int(number) => *number as f64,
                    Value::Float(number) => *number,
                    Value::Bool(_) | Value::Text(_) => return None,
                };
                let at = if *is_log { libm::log(number) } else { number };
                let last = (points - 1) as f64;
                let point = libm::ceil((at - low) / ((high - low) / last) - 0.5);
                // An operator's own setting may lie outside the range.
                Some(point.clamp(0.0, last) as usize)
            }
        }
    }

    /// The estimated density of trials at `places`, of which there is at least one, at each point.
    pub(super) fn density(&self, places: &[usize]) -> Vec<f64> {
        let points = match self {
            Self::Numbers { points, .. } => *points,
            Self::Choices(values) => values.len(),
        };
        let mut counts = vec![0.0; points];
        places.iter().for_each(|place| counts[*place] += 1.0);
        let density = match self {
            Self::Numbers { .. } => numeric_density(&counts),
            Self::Choices(_) => categorical_density(&counts),
        };
        density
            .into_iter()
            .map(|share| share + LEAST_DENSITY)
            .collect()
    }
}

fn observed(counts: &[f64]) -> Vec<(f64, f64)> {
    let points = counts.iter().enumerate();
    let observed = points.filter(|(_, count)| **count > 0.0);
    observed
        .map(|(point, count)| (point as f64, *count))
        .collect()
}

/// One kernel per choice that was taken, of which a small part goes to the others.
fn categorical_density(counts: &[f64]) -> Vec<f64> {
    let choices = counts.len() as f64;
    let total: f64 = counts.iter().sum();
    let kernels = observed(counts).len() as f64 + 1.0;
    let spread = PRIOR / kernels;
    let kernel_sum = 1.0 + spread * choices;
    let everywhere = (PRIOR / choices + total * spread / kernel_sum) / (total + PRIOR);
    let density = |count: &f64| everywhere + count / kernel_sum / (total + PRIOR);
    counts.iter().map(density).collect()
}

/// Normal kernels, cut at the ends of the grid, and one over all of it.
fn numeric_density(counts: &[f64]) -> Vec<f64> {
    let observed = observed(counts);
    let total: f64 = counts.iter().sum();
    let (low, high) = (0.0, (counts.len() - 1) as f64);
    let sigma = bandwidth(&observed, total).max(LEAST_SIGMA);
    let prior = (f64::midpoint(low, high), high - low + 1.0, PRIOR);
    let kernels = observed.iter().map(|&(mean, weight)| (mean, sigma, weight));
    let kernels: Vec<(f64, f64, f64)> = kernels.chain([prior]).collect();
    let density = |point: usize| {
        let at = point as f64;
        let shares = kernels.iter().map(|&(mean, sigma, weight)| {
            let within =
                |from: f64, to: f64| normal_mass((from - mean) / sigma, (to - mean) / sigma);
            weight * within(at - 0.5, at + 0.5) / within(low - 0.5, high + 0.5)
        });
        shares.sum::<f64>() / (total + PRIOR)
    };
    (0..counts.len()).map(density).collect()
}

/// Scott's rule (Scott, "Multivariate Density Estimation", 1992).
fn bandwidth(observed: &[(f64, f64)], total: f64) -> f64 {
    let mean = observed.iter().map(|(at, weight)| at * weight).sum::<f64>() / total;
    let squares = observed
        .iter()
        .map(|(at, weight)| (at - mean) * (at - mean) * weight);
    let deviation = libm::sqrt(squares.sum::<f64>() / (total - 1.0).max(1.0));
    let quartile = |is_passed: &dyn Fn(f64) -> bool| {
        let mut so_far = 0.0;
        let at = observed.iter().find(|(_, weight)| {
            so_far += weight;
            is_passed(so_far)
        });
        at.or(observed.last()).map_or(0.0, |(at, _)| *at)
    };
    let first = quartile(&|so_far| so_far >= libm::floor(total / 4.0));
    let third = quartile(&|so_far| so_far > libm::floor(total * 3.0 / 4.0));
    1.059 * ((third - first) / 1.34).min(deviation) * libm::pow(total, -0.2)
}

/// The probability of a standard normal value between `from` and `to`.
fn normal_mass(from: f64, to: f64) -> f64 {
    // In the upper tail the difference would be of two numbers near 1.
    if from > 0.0 {
        return normal_mass(-to, -from);
    }
    let below = |at: f64| 0.5 * libm::erfc(-at / std::f64::consts::SQRT_2);
    below(to) - below(from)
}
