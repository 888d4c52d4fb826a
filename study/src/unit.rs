//! Between a hyper-parameter's values and the unit interval, where samplers draw: on a log scale every
//! octave takes as much of it as the next, and every whole number and every choice has its own piece.
//! `libm`, because the platform's own logarithm may differ in the last bit.

use tabsweep_protocol::Value;

use crate::Distribution;

impl Distribution {
    /// The value at `share` of the way, from 0 to 1.
    pub(crate) fn at(&self, share: f64) -> Value {
        match self {
            Self::Float(range) => {
                let (low, high) = (range.low(), range.high());
                Value::Float(between(low, high, range.is_log(), share).clamp(low, high))
            }
            Self::Int(range) => {
                let (low, high) = edges(range.low(), range.high(), range.step());
                let found = between(low, high, range.is_log(), share);
                let steps = ((found - range.low() as f64) / range.step() as f64).round() as i64;
                let value = range
                    .low()
                    .saturating_add(steps.saturating_mul(range.step()));
                Value::Int(value.clamp(range.low(), range.high()))
            }
            Self::Categorical { choices } => {
                let count = choices.values().len();
                let place = (share * count as f64) as usize;
                choices.values()[place.min(count - 1)].clone()
            }
            Self::Fixed { value } => value.clone(),
        }
    }

    /// The values that a grid tries, in order; none of real numbers without `points`.
    pub(crate) fn grid_values(&self) -> Option<Vec<Value>> {
        let spread = |points: u32| -> Vec<Value> {
            let last = f64::from(points.saturating_sub(1));
            let mut values: Vec<Value> = (0..points)
                .map(|place| {
                    if points == 1 {
                        0.5
                    } else {
                        f64::from(place) / last
                    }
                })
                .map(|share| self.at(share))
                .collect();
            values.dedup();
            values
        };
        Some(match self {
            Self::Float(range) => spread(range.points()?),
            Self::Int(range) => match range.points() {
                Some(points) => spread(points),
                None => range.values().take(MOST_VALUES).map(Value::Int).collect(),
            },
            Self::Categorical { choices } => choices.values().to_vec(),
            Self::Fixed { value } => vec![value.clone()],
        })
    }

    /// How far along a number is, from 0 to 1; one outside of the range counts as its bound. None for
    /// what is no number here: choices, and values of another kind.
    pub(crate) fn share_of(&self, value: &Value) -> Option<f64> {
        let number = match value {
            Value::Float(number) => *number,
            Value::Int(number) => *number as f64,
            Value::Bool(_) | Value::Text(_) => return None,
        };
        let (low, high, is_log) = match self {
            Self::Float(range) => (range.low(), range.high(), range.is_log()),
            Self::Int(range) => {
                let (low, high) = edges(range.low(), range.high(), range.step());
                (low, high, range.is_log())
            }
            Self::Categorical { .. } | Self::Fixed { .. } => return None,
        };
        let number = number.clamp(low, high);
        let share = if is_log {
            (libm::log(number) - libm::log(low)) / (libm::log(high) - libm::log(low))
        } else {
            (number - low) / (high - low)
        };
        // A range of one number.
        Some(if share.is_nan() { 0.5 } else { share })
    }
}

/// More values than any grid has settings.
const MOST_VALUES: usize = 1 << 20;

/// Half a step beyond the bounds, so that they are as likely as what lies between.
fn edges(low: i64, high: i64, step: i64) -> (f64, f64) {
    let half = step as f64 / 2.0;
    (low as f64 - half, high as f64 + half)
}

fn between(low: f64, high: f64, is_log: bool, share: f64) -> f64 {
    if is_log {
        let (low, high) = (libm::log(low), libm::log(high));
        libm::exp(low + share * (high - low))
    } else {
        low + share * (high - low)
    }
}
