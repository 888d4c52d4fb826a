//! Importances against Optuna's PED-ANOVA evaluator as oracle; `oracle/importance.py` prints the
//! figures expected.

use std::collections::BTreeMap;

use tabsweep_protocol::{Parameters, TrialNumber, Value};
use tabsweep_study::{
    Choices, Direction, Distribution, Finished, FloatRange, History, IntRange, Space, importance,
};

fn float(low: f64, high: f64, log: bool) -> Distribution {
    Distribution::Float(FloatRange::new(low, high, log).expect("a range"))
}

fn int(low: i64, high: i64, step: i64, log: bool) -> Distribution {
    Distribution::Int(IntRange::new(low, high, step, log).expect("a range"))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn choices(names: &[&str]) -> Distribution {
    let choices = Choices::new(names.iter().map(|name| text(name)).collect()).expect("a range");
    Distribution::Categorical { choices }
}

fn space<const N: usize>(distributions: [(&str, Distribution); N]) -> Space {
    let named = distributions.map(|(name, distribution)| (name.to_owned(), distribution));
    Space::from_iter(named)
}

fn check(
    space: &Space,
    direction: Direction,
    trials: impl Iterator<Item = (Parameters, f64)>,
    expected: &[(&str, f64)],
) {
    let finished = (0..)
        .zip(trials)
        .map(|(number, (parameters, score))| Finished {
            number: TrialNumber(number),
            parameters,
            score,
            stopped_at: None,
            rests: Vec::new(),
        });
    let (finished, running) = (finished.collect::<Vec<_>>(), BTreeMap::new());
    let history = History {
        direction,
        finished: &finished,
        running: &running,
    };
    let found = importance(space, history);
    assert_eq!(found.len(), expected.len());
    for ((name, share), (expected_name, expected_share)) in found.iter().zip(expected) {
        assert_eq!(name, expected_name);
        let difference = (share - expected_share).abs();
        assert!(
            difference < 1e-9,
            "{name}: {share}, expected {expected_share}"
        );
    }
}

#[test]
fn recorded_trainings() {
    let space = space([
        ("batch_norm", choices(&["false", "true"])),
        ("batch_size", int(16, 256, 1, true)),
        ("hidden_units", int(16, 128, 112, false)),
        ("learning_rate", float(1e-4, 0.3, true)),
        ("optimizer", choices(&["adamw", "sgd"])),
        ("shift_px", int(0, 2, 1, false)),
    ]);
    let mut lines = include_str!("../../bench/tables/lenet.csv").lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let trial = |line: &str| {
        let row: BTreeMap<&str, &str> = columns.iter().copied().zip(line.split(',')).collect();
        let parameter = |(name, distribution): (&String, &Distribution)| {
            let cell = row[name.as_str()];
            let value = match distribution {
                Distribution::Float(_) => Value::Float(cell.parse().unwrap()),
                Distribution::Int(_) => Value::Int(cell.parse().unwrap()),
                _ => text(cell),
            };
            (name.clone(), value)
        };
        let setting = space.iter().map(parameter).collect();
        let right: f64 = row["validation_9"].parse().unwrap();
        (setting, right / 5_000.0)
    };
    let trials: Vec<(Parameters, f64)> = lines.map(trial).collect();
    let expected = [
        ("learning_rate", 0.40786807539988224),
        ("batch_size", 0.28098662853777895),
        ("batch_norm", 0.21236612194177895),
        ("shift_px", 0.08889448577448765),
        ("hidden_units", 0.00961381319053414),
        ("optimizer", 0.0002708751555379819),
    ];
    check(&space, Direction::Maximize, trials.into_iter(), &expected);
}

#[test]
fn a_hyperparameter_that_not_all_trials_have() {
    let space = space([
        ("k", int(1, 24, 1, false)),
        ("kind", choices(&["a", "b", "c"])),
        ("only_b", float(0.001, 0.1, true)),
        ("x", float(0.0, 1.0, false)),
    ]);
    let trial = |i: i64| {
        let (x, k) = ((i * 37 % 101) as f64 / 100.0, i * 53 % 24 + 1);
        let kind = ["a", "b", "c"][i as usize % 3];
        let only_b = (kind == "b").then(|| (i * 71 % 97) as f64 / 1000.0 + 0.001);
        let mut setting: Parameters = [
            ("x".to_owned(), Value::Float(x)),
            ("k".to_owned(), Value::Int(k)),
            ("kind".to_owned(), text(kind)),
        ]
        .into();
        setting.extend(only_b.map(|only_b| ("only_b".to_owned(), Value::Float(only_b))));
        let loss = (x - 0.3) * (x - 0.3) + 0.002 * k as f64;
        // Scores are shares, which 1 is the worst of; these losses lie below it.
        (setting, loss + only_b.map_or(0.1, |only_b| 0.5 * only_b))
    };
    let expected = [
        ("x", 0.5596129854980991),
        ("only_b", 0.25119552288092123),
        ("kind", 0.1553190459177454),
        ("k", 0.033872445703234375),
    ];
    check(&space, Direction::Minimize, (0..200).map(trial), &expected);
}
