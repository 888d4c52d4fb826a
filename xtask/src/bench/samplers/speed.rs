//! How long one suggestion takes when very many trials have finished.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use tabsweep_protocol::{Seed, TrialNumber};
use tabsweep_study::{
    Direction, Finished, History, RandomSampler, Sampler, SamplerKind, Space, sampler,
};

use super::peer::Optuna;
use crate::bench::table::Table;

/// Suggestions of which the median counts.
const SUGGESTIONS: u32 = 21;

/// Milliseconds of one suggestion after `trials` trials in six dimensions, by sampler.
#[must_use]
pub fn measured(trials: u32) -> BTreeMap<String, f64> {
    let space = space();
    let running = BTreeMap::new();
    let history = |finished| History {
        direction: Direction::Minimize,
        finished,
        running: &running,
    };
    let trial = |number: u32| Finished {
        number: TrialNumber(number),
        parameters: RandomSampler.suggest(&space, history(&[]), Seed(1), TrialNumber(number)),
        score: f64::from(number.wrapping_mul(2_654_435_761) >> 8),
        stopped_at: None,
        rests: Vec::new(),
    };
    let finished: Vec<Finished> = (0..trials).map(trial).collect();
    let kinds = [
        ("random", SamplerKind::Random),
        ("grid", SamplerKind::Grid),
        ("sobol", SamplerKind::Sobol),
        ("tpe", SamplerKind::Tpe),
    ];
    let millis = kinds.map(|(name, kind)| {
        let taken = (0..SUGGESTIONS).map(|next| {
            let start = Instant::now();
            let number = TrialNumber(trials + next);
            let setting = sampler(kind).suggest(&space, history(&finished), Seed(1), number);
            assert_eq!(setting.len(), 6);
            start.elapsed().as_secs_f64() * 1e3
        });
        let mut taken: Vec<f64> = taken.collect();
        taken.sort_by(f64::total_cmp);
        (name.to_owned(), taken[taken.len() / 2])
    });
    millis.into()
}

/// Real numbers, of which a grid takes nine each.
fn space() -> Space {
    let axis = json!({ "type": "float", "low": 0.0, "high": 1.0, "log": false, "points": 9 });
    let axes = (0..6).map(|place| (format!("x{place}"), axis.clone()));
    let axes: serde_json::Map<_, _> = axes.collect();
    serde_json::from_value(axes.into()).expect("a space as it is stored")
}

/// The figures, beside Optuna's where there are any.
#[must_use]
pub fn table(trials: u32, ours: &BTreeMap<String, f64>, optuna: Option<&Optuna>) -> Table {
    let name = format!("a suggestion after {trials} trials");
    let mut table = Table::new(&name, ["ms".to_owned()]);
    for (sampler, millis) in ours {
        table.add(sampler, [format!("{millis:.2}")]);
    }
    for (sampler, secs) in optuna.iter().flat_map(|optuna| &optuna.suggestion_secs) {
        table.add(
            &format!("Optuna, {sampler}"),
            [format!("{:.0}", secs * 1e3)],
        );
    }
    table
}
