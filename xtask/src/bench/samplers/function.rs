//! Functions that samplers are measured on: what is known of their least value tells how far a search
//! is from it. `bench/peers/optuna_samplers.py` has the same for Optuna.

use std::f64::consts::PI;

use tabsweep_protocol::{Parameters, Value};
use tabsweep_study::Space;

use crate::bench::recorded::Recorded;

/// Something to be minimised.
pub struct Function<'a> {
    /// As Optuna's side calls it.
    pub name: &'static str,
    /// Where.
    pub space: Space,
    loss: Box<dyn Fn(&Parameters) -> f64 + Sync + 'a>,
    least: f64,
}

impl<'a> Function<'a> {
    fn new(
        name: &'static str,
        space: &str,
        least: f64,
        loss: impl Fn(&Parameters) -> f64 + Sync + 'a,
    ) -> Self {
        Self {
            name,
            space: serde_json::from_str(space).expect("a space as it is stored"),
            loss: Box::new(loss),
            least,
        }
    }

    /// Its value.
    #[must_use]
    pub fn loss(&self, setting: &Parameters) -> f64 {
        (self.loss)(setting)
    }

    /// How far a value is from the least.
    #[must_use]
    pub fn regret(&self, loss: f64) -> f64 {
        loss - self.least
    }
}

/// All of them.
///
/// # Panics
/// The table has no range.
#[must_use]
pub fn functions(recorded: &Recorded) -> Vec<Function<'_>> {
    vec![
        branin(),
        hartmann6(),
        rosenbrock5(),
        conditional(),
        Function {
            name: "lenet",
            space: recorded.space().expect("the grid's values are in order"),
            loss: Box::new(|setting| recorded.loss(setting)),
            least: recorded.least_loss(),
        },
    ]
}

fn number(setting: &Parameters, name: &str) -> f64 {
    match setting.get(name) {
        Some(Value::Float(value)) => *value,
        Some(Value::Int(value)) => *value as f64,
        _ => panic!("`{name}` is no number in {setting:?}"),
    }
}

fn numbers(setting: &Parameters) -> Vec<f64> {
    setting.keys().map(|name| number(setting, name)).collect()
}

/// `count` real numbers from `low` to `high`.
fn cube(count: usize, low: f64, high: f64) -> String {
    let axis = |i| {
        format!(r#""x{i}": {{"type": "float", "low": {low:?}, "high": {high:?}, "log": false}}"#)
    };
    let axes: Vec<String> = (0..count).map(axis).collect();
    format!("{{{}}}", axes.join(","))
}

fn branin<'a>() -> Function<'a> {
    let space = r#"{
        "x": {"type": "float", "low": -5.0, "high": 10.0, "log": false},
        "y": {"type": "float", "low": 0.0, "high": 15.0, "log": false}
    }"#;
    Function::new("branin", space, 0.397_887_357_729_738_16, |setting| {
        let (x, y) = (number(setting, "x"), number(setting, "y"));
        let bowl = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
        bowl * bowl + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
    })
}

/// Weights, widths and places of the four wells.
const HARTMANN: [(f64, [f64; 6], [f64; 6]); 4] = [
    (
        1.0,
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    ),
    (
        1.2,
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    ),
    (
        3.0,
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    ),
    (
        3.2,
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ),
];

fn hartmann6<'a>() -> Function<'a> {
    let least = -3.322_368_011_391_339;
    Function::new("hartmann6", &cube(6, 0.0, 1.0), least, |setting| {
        let at = numbers(setting);
        let well = |(weight, widths, places): &(f64, [f64; 6], [f64; 6])| {
            let squares = (0..6).map(|i| widths[i] * (at[i] - places[i]).powi(2));
            weight * (-squares.sum::<f64>()).exp()
        };
        -HARTMANN.iter().map(well).sum::<f64>()
    })
}

fn rosenbrock5<'a>() -> Function<'a> {
    Function::new("rosenbrock5", &cube(5, -5.0, 10.0), 0.0, |setting| {
        let at = numbers(setting);
        let steps = at.windows(2).map(|pair| {
            let (a, b) = (pair[0], pair[1]);
            100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
        });
        steps.sum()
    })
}

/// A made-up training: log scales, choices, and hyper-parameters that not all trials have.
fn conditional<'a>() -> Function<'a> {
    let space = r#"{
        "optimizer": {"type": "categorical", "choices": ["adamw", "rmsprop", "sgd"]},
        "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": true},
        "layers": {"type": "int", "low": 1, "high": 4, "step": 1, "log": false},
        "width": {"type": "int", "low": 8, "high": 512, "step": 1, "log": true},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "log": false,
            "when": {"optimizer": ["sgd"]}},
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "log": false,
            "when": {"layers": [2, 3, 4]}}
    }"#;
    Function::new("conditional", space, 0.0, |setting| {
        let number = |name| number(setting, name);
        let (of_optimizer, best_rate) = match &setting["optimizer"] {
            Value::Text(name) if name == "sgd" => {
                // Momentum stands for a higher rate.
                let momentum = number("momentum");
                let best_rate = -1.0 + (1.0 - momentum).log10();
                (2.0 * (momentum - 0.9).powi(2), best_rate)
            }
            Value::Text(name) if name == "adamw" => (0.1, -3.0),
            _ => (0.25, -3.0),
        };
        let of_rate = 0.3 * (number("learning_rate").log10() - best_rate).powi(2);
        let layers = number("layers");
        let of_dropout = match setting.contains_key("dropout") {
            true => 4.0 * (number("dropout") - 0.1 * (layers - 1.0)).powi(2),
            false => 0.0,
        };
        let of_width = 0.05 * (number("width") / 128.0).log2().powi(2);
        of_optimizer + of_rate + of_dropout + 0.1 * (layers - 3.0).powi(2) + of_width
    })
}
