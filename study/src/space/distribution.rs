//! Which values a hyper-parameter may take. A range that is empty, a log scale that reaches zero, a
//! step that does not fit: none of these can be built.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::Value;

/// Why a distribution can't be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpaceError {
    /// A bound is NaN or infinite.
    #[error("bounds must be finite numbers, found low = {low}, high = {high}")]
    NotFinite {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// The bounds are the wrong way round.
    #[error("`low` must not be above `high`, found low = {low}, high = {high}")]
    Empty {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Logarithms need positive numbers.
    #[error("a log scale needs `low` above 0, found low = {low}")]
    LogOfZero {
        /// Lower bound.
        low: f64,
    },
    /// The step is not positive, or does not lead from `low` to `high`.
    #[error("`step` must be at least 1 and divide high - low = {width}, found step = {step}")]
    Step {
        /// The step.
        step: i64,
        /// `high - low`.
        width: i64,
    },
    /// Steps and log scales exclude each other.
    #[error("`step` and `log` exclude each other")]
    StepAndLog,
    /// No grid has so many points on this range.
    #[error("`points` must be from 1 to {MOST_POINTS}, found points = {points}")]
    Points {
        /// How many.
        points: u32,
    },
    /// No choices, or the same one twice.
    #[error("`choices` must be a list of different values, at least one")]
    Choices,
}

/// Most values that a grid takes from one range.
pub(super) const MOST_POINTS: u32 = 10_000;

fn check_points(points: u32) -> Result<(), SpaceError> {
    match points {
        1..=MOST_POINTS => Ok(()),
        _ => Err(SpaceError::Points { points }),
    }
}

/// Real numbers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloatRange {
    low: f64,
    high: f64,
    log: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    points: Option<u32>,
}

impl FloatRange {
    /// Uniform from `low` to `high`, or uniform in the logarithm.
    ///
    /// # Errors
    /// Bounds that are not finite, the wrong way round, or not positive on a log scale.
    pub fn new(low: f64, high: f64, log: bool) -> Result<Self, SpaceError> {
        if !low.is_finite() || !high.is_finite() {
            return Err(SpaceError::NotFinite { low, high });
        }
        check_order(low, high, log)?;
        Ok(Self {
            low,
            high,
            log,
            points: None,
        })
    }

    /// The same range, of which a grid takes so many numbers at equal distances: the bounds among
    /// them, or the middle alone.
    ///
    /// # Errors
    /// None, or more than 10,000.
    pub fn with_points(self, points: u32) -> Result<Self, SpaceError> {
        check_points(points)?;
        Ok(Self {
            points: Some(points),
            ..self
        })
    }

    /// How many numbers a grid takes of it.
    pub fn points(&self) -> Option<u32> {
        self.points
    }

    /// The lower bound.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The upper bound.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Whether it is uniform in the logarithm.
    pub fn is_log(&self) -> bool {
        self.log
    }

    fn sample(&self, rng: &mut impl Rng) -> f64 {
        let share: f64 = rng.random();
        let value = if self.log {
            log_uniform(self.low, self.high, share)
        } else {
            self.low + share * (self.high - self.low)
        };
        // Rounding may step over a bound by an ulp.
        value.clamp(self.low, self.high)
    }
}

/// Whole numbers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntRange {
    low: i64,
    high: i64,
    step: i64,
    log: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    points: Option<u32>,
}

impl IntRange {
    /// Every `step`-th number from `low` to `high`; on a log scale small numbers are as likely as
    /// large ones, octave for octave.
    ///
    /// # Errors
    /// Bounds the wrong way round or not positive on a log scale; a step that does not fit.
    pub fn new(low: i64, high: i64, step: i64, log: bool) -> Result<Self, SpaceError> {
        check_order(low as f64, high as f64, log)?;
        let width = high.checked_sub(low).ok_or(SpaceError::NotFinite {
            low: low as f64,
            high: high as f64,
        })?;
        if log && step != 1 {
            return Err(SpaceError::StepAndLog);
        }
        if step < 1 || width % step != 0 {
            return Err(SpaceError::Step { step, width });
        }
        Ok(Self {
            low,
            high,
            step,
            log,
            points: None,
        })
    }

    /// The same range, of which a grid takes about so many numbers at equal distances instead of all:
    /// the bounds among them, or the middle alone.
    ///
    /// # Errors
    /// None, or more than 10,000.
    pub fn with_points(self, points: u32) -> Result<Self, SpaceError> {
        check_points(points)?;
        Ok(Self {
            points: Some(points),
            ..self
        })
    }

    /// How many numbers a grid takes of it; none for all.
    pub fn points(&self) -> Option<u32> {
        self.points
    }

    /// The lower bound.
    pub fn low(&self) -> i64 {
        self.low
    }

    /// The upper bound.
    pub fn high(&self) -> i64 {
        self.high
    }

    /// From each number to the next.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// Whether small numbers are as likely as large ones, octave for octave.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// All numbers of it, in order.
    pub fn values(&self) -> impl Iterator<Item = i64> + use<> {
        let step = usize::try_from(self.step).unwrap_or(usize::MAX);
        (self.low..=self.high).step_by(step)
    }

    fn sample(&self, rng: &mut impl Rng) -> i64 {
        if self.log {
            let (low, high) = (self.low as f64 - 0.5, self.high as f64 + 0.5);
            let share: f64 = rng.random();
            let value = log_uniform(low, high, share).round();
            return (value as i64).clamp(self.low, self.high);
        }
        let steps = (self.high - self.low) / self.step;
        self.low + self.step * rng.random_range(0..=steps)
    }
}

/// The point at `share` of the way from `low` to `high` on a log scale. `libm`, because the platform's
/// own logarithm may differ in the last bit from one server to the next.
fn log_uniform(low: f64, high: f64, share: f64) -> f64 {
    let (low, high) = (libm::log(low), libm::log(high));
    libm::exp(low + share * (high - low))
}

fn check_order(low: f64, high: f64, log: bool) -> Result<(), SpaceError> {
    if low > high {
        Err(SpaceError::Empty { low, high })
    } else if log && low <= 0.0 {
        Err(SpaceError::LogOfZero { low })
    } else {
        Ok(())
    }
}

/// A set of values without order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Choices(Vec<Value>);

impl Choices {
    /// One of `values`, each as likely.
    ///
    /// # Errors
    /// No value, or one twice.
    pub fn new(values: Vec<Value>) -> Result<Self, SpaceError> {
        let repeated = values
            .iter()
            .enumerate()
            .any(|(i, value)| values[..i].contains(value));
        if values.is_empty() || repeated {
            return Err(SpaceError::Choices);
        }
        Ok(Self(values))
    }

    /// The values, in the order given.
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}

/// The values that one hyper-parameter may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Distribution {
    /// Real numbers.
    Float(FloatRange),
    /// Whole numbers.
    Int(IntRange),
    /// Names, switches, or numbers without order.
    Categorical {
        /// The values.
        choices: Choices,
    },
    /// The same value in every trial.
    Fixed {
        /// The value.
        value: Value,
    },
}

impl Distribution {
    /// One value, drawn from `rng`.
    pub fn sample(&self, rng: &mut impl Rng) -> Value {
        match self {
            Self::Float(range) => Value::Float(range.sample(rng)),
            Self::Int(range) => Value::Int(range.sample(rng)),
            Self::Categorical { choices } => {
                choices.0[rng.random_range(0..choices.0.len())].clone()
            }
            Self::Fixed { value } => value.clone(),
        }
    }

    /// Whether a trial may have this value.
    pub fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Float(range), Value::Float(value)) => (range.low..=range.high).contains(value),
            (Self::Int(range), Value::Int(value)) => {
                (range.low..=range.high).contains(value) && (value - range.low) % range.step == 0
            }
            (Self::Categorical { choices }, value) => choices.0.contains(value),
            (Self::Fixed { value: fixed }, value) => fixed == value,
            _ => false,
        }
    }

    /// Values that stand for all others: where these are valid, all are. The edges, and between
    /// them a number that is not whole, or every number of a short range.
    pub fn probes(&self) -> Vec<Value> {
        match self {
            Self::Float(FloatRange { low, high, .. }) => {
                let between = low + (high - low) * 0.381_966_011_250_105;
                [*low, between, *high].map(Value::Float).to_vec()
            }
            Self::Int(range) => {
                let first = range.values().take(MOST_PROBES);
                first.chain([range.high]).map(Value::Int).collect()
            }
            Self::Categorical { choices } => choices.0.clone(),
            Self::Fixed { value } => vec![value.clone()],
        }
    }
}

/// Whole numbers of a range that are probed one by one.
const MOST_PROBES: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn distributions() -> impl Strategy<Value = Distribution> {
        let float = (-1e6..1e6_f64, 0.0..1e6_f64)
            .prop_map(|(low, width)| FloatRange::new(low, low + width, false));
        let log_float = (1e-9..1.0_f64, 1.0..1e6_f64)
            .prop_map(|(low, factor)| FloatRange::new(low, low * factor, true));
        let int = (-1000..1000_i64, 1..9_i64, 0..100_i64)
            .prop_map(|(low, step, steps)| IntRange::new(low, low + step * steps, step, false));
        let log_int = (1..1000_i64, 0..100_000_i64)
            .prop_map(|(low, width)| IntRange::new(low, low + width, 1, true));
        prop_oneof![
            float.prop_map(|range| Distribution::Float(range.unwrap())),
            log_float.prop_map(|range| Distribution::Float(range.unwrap())),
            int.prop_map(|range| Distribution::Int(range.unwrap())),
            log_int.prop_map(|range| Distribution::Int(range.unwrap())),
        ]
    }

    proptest! {
        #[test]
        fn samples_stay_in_bounds(distribution in distributions(), seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for _ in 0..50 {
                let value = distribution.sample(&mut rng);
                prop_assert!(distribution.contains(&value), "{value} not in {distribution:?}");
            }
        }
    }

    #[test]
    fn log_scales_favour_no_octave() {
        let range = FloatRange::new(1e-4, 1e-1, true).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let below = (0..3000).filter(|_| range.sample(&mut rng) < 1e-3).count();
        assert!(
            (850..1150).contains(&below),
            "{below} of 3000 in the lowest of three decades"
        );
    }

    #[test]
    fn impossible_ranges_can_not_be_built() {
        assert!(matches!(
            FloatRange::new(2.0, 1.0, false),
            Err(SpaceError::Empty { .. })
        ));
        assert!(matches!(
            FloatRange::new(0.0, 1.0, true),
            Err(SpaceError::LogOfZero { .. })
        ));
        assert!(matches!(
            FloatRange::new(f64::NAN, 1.0, false),
            Err(SpaceError::NotFinite { .. })
        ));
        assert!(matches!(
            IntRange::new(1, 8, 2, false),
            Err(SpaceError::Step { .. })
        ));
        assert!(matches!(
            IntRange::new(1, 8, 0, false),
            Err(SpaceError::Step { .. })
        ));
        assert!(matches!(
            IntRange::new(1, 9, 2, true),
            Err(SpaceError::StepAndLog)
        ));
        assert!(IntRange::new(i64::MIN, i64::MAX, 1, false).is_err());
        assert!(matches!(Choices::new(vec![]), Err(SpaceError::Choices)));
        let twice = vec![Value::Int(1), Value::Int(1)];
        assert!(matches!(Choices::new(twice), Err(SpaceError::Choices)));
    }
}
