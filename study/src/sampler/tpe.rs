//! Settings like the good ones and unlike the others: the tree-structured Parzen estimator (Bergstra et
//! al., "Algorithms for Hyper-Parameter Optimization", 2011), multivariate as in BOHB (Falkner et al.,
//! 2018).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tabsweep_protocol::{Parameters, Seed, TrialNumber, Value};

use super::{Finished, History, Purpose, Sampler, parzen::Parzen, stream};
use crate::{Distribution, Space};

/// Trials that are drawn at random before anything is known.
const STARTUP_TRIALS: usize = 10;
/// The share of settings that are drawn at random all the same, so that none is out of reach.
const RANDOM_SHARE: f64 = 0.1;
/// The share of trials that count as good.
const GOOD_SHARE: f64 = 0.1;
const MOST_GOOD: usize = 25;
/// Most of the others that are looked at, so that a suggestion costs the same after many trials.
const MOST_OTHERS: usize = 1_000;
/// Settings that are drawn from those like the good ones, to take the most promising.
const CANDIDATES: usize = 24;

/// Learns from trials that have a score, also from those that rest or were pruned: they come after
/// those that are whole, and among them whoever came farther comes first. Trials under way count as
/// bad, so that workers at the same time try different things (the constant liar of Ginsbourger et
/// al., "Kriging Is Well-Suited to Parallelize Optimization", 2010).
#[derive(Clone, Copy, Debug)]
pub struct TpeSampler;

/// A hyper-parameter that differs from trial to trial.
struct Dimension<'a> {
    name: &'a String,
    distribution: &'a Distribution,
    /// How many choices; none for numbers.
    choices: Option<usize>,
}

impl Sampler for TpeSampler {
    fn reads_history(&self) -> bool {
        true
    }

    fn suggest(
        &self,
        space: &Space,
        history: History<'_>,
        seed: Seed,
        number: TrialNumber,
    ) -> Parameters {
        let mut rng = stream(seed, number, Purpose::Setting);
        let mut setting = space.sample(&mut rng);
        let dimensions = dimensions(space);
        let luck: f64 = rng.random();
        if history.finished.len() < STARTUP_TRIALS || luck < RANDOM_SHARE || dimensions.is_empty() {
            return setting;
        }
        let (good, others) = split(history);
        let points = |settings: &[&Parameters]| -> Vec<Vec<f64>> {
            settings
                .iter()
                .map(|setting| point(&dimensions, setting))
                .collect()
        };
        let choices: Vec<Option<usize>> = dimensions.iter().map(|d| d.choices).collect();
        let good = Parzen::new(points(&good), &choices);
        let others = Parzen::new(points(&others), &choices);
        let best = most_promising(&good, &others, &mut rng);
        for (dimension, share) in dimensions.iter().zip(best) {
            setting.insert(dimension.name.clone(), dimension.value(share));
        }
        space.active(setting)
    }
}

fn dimensions(space: &Space) -> Vec<Dimension<'_>> {
    let differs = |(_, distribution): &(_, &Distribution)| {
        !matches!(distribution, Distribution::Fixed { .. })
    };
    let dimension = |(name, distribution)| Dimension {
        name,
        distribution,
        choices: match distribution {
            Distribution::Categorical { choices } => Some(choices.values().len()),
            _ => None,
        },
    };
    space.iter().filter(differs).map(dimension).collect()
}

/// A setting as numbers: shares of the way, and places among choices. What is no value of the
/// dimension is NaN, about which nothing is known.
fn point(dimensions: &[Dimension<'_>], setting: &Parameters) -> Vec<f64> {
    let coordinate = |dimension: &Dimension<'_>| {
        let value = setting.get(dimension.name);
        let found = value.and_then(|value| dimension.coordinate(value));
        found.unwrap_or(f64::NAN)
    };
    dimensions.iter().map(coordinate).collect()
}

impl Dimension<'_> {
    fn coordinate(&self, value: &Value) -> Option<f64> {
        match self.distribution {
            Distribution::Categorical { choices } => {
                let place = choices.values().iter().position(|choice| choice == value);
                place.map(|place| place as f64)
            }
            distribution => distribution.share_of(value),
        }
    }

    fn value(&self, coordinate: f64) -> Value {
        match self.distribution {
            Distribution::Categorical { choices } => {
                let last = choices.values().len() - 1;
                choices.values()[(coordinate as usize).min(last)].clone()
            }
            distribution => distribution.at(coordinate),
        }
    }
}

/// The settings of the good trials, and those of the others or an even choice of them.
fn split(history: History<'_>) -> (Vec<&Parameters>, Vec<&Parameters>) {
    let key = |trial: &Finished| {
        let reach = trial.stopped_at.unwrap_or(u32::MAX);
        (
            std::cmp::Reverse(reach),
            history.direction.loss(trial.score),
            trial.number,
        )
    };
    let mut ranked: Vec<&Finished> = history.finished.iter().collect();
    ranked.sort_unstable_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
    });
    let good = (GOOD_SHARE * ranked.len() as f64).ceil() as usize;
    let (good, others) = ranked.split_at(good.clamp(1, MOST_GOOD).min(ranked.len()));
    let others = others.iter().map(|trial| &trial.parameters);
    let others: Vec<&Parameters> = others.chain(history.running.values()).collect();
    let stride = others.len().div_ceil(MOST_OTHERS).max(1);
    (
        good.iter().map(|trial| &trial.parameters).collect(),
        others.into_iter().step_by(stride).collect(),
    )
}

fn most_promising(good: &Parzen, others: &Parzen, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut best = (f64::NEG_INFINITY, good.draw(rng));
    for _ in 0..CANDIDATES {
        let candidate = good.draw(rng);
        let promise = good.log_density(&candidate) - others.log_density(&candidate);
        if promise > best.0 {
            best = (promise, candidate);
        }
    }
    best.1
}
