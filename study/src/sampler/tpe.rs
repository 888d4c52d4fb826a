//! Settings like the good ones and unlike the others: the tree-structured Parzen estimator (Bergstra et
//! al., "Algorithms for Hyper-Parameter Optimization", 2011), multivariate as in BOHB (Falkner et al.,
//! 2018).

use std::cmp::{Ordering, Reverse};

use rand_chacha::ChaCha8Rng;
use tabsweep_protocol::{Parameters, Seed, TrialNumber, Value};

use super::{
    Finished, History, Purpose, Sampler, SobolSampler,
    parzen::{Axis, Parzen},
    stream,
};
use crate::{Distribution, Space};

/// Trials that are spread evenly before anything is known.
const STARTUP_TRIALS: usize = 10;
/// The share of trials that count as good.
const GOOD_SHARE: f64 = 0.1;
const MOST_GOOD: usize = 25;
/// Most of the others that are looked at, so that a suggestion costs the same after many trials.
const MOST_OTHERS: usize = 500;
/// Settings that are drawn from those like the good ones, to take the most promising.
const CANDIDATES: usize = 64;

/// Learns from trials that have a score, also from those that rest or were pruned: they come after
/// those that are whole, and among them whoever came farther comes first. Trials under way count as
/// bad, so that workers at the same time try different things (the constant liar of Ginsbourger et
/// al., "Kriging Is Well-Suited to Parallelize Optimization", 2010).
#[derive(Clone, Copy, Debug)]
pub struct TpeSampler;

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
        let view = View::of(space);
        if history.finished.len() < STARTUP_TRIALS || view.axes.is_empty() {
            return SobolSampler.suggest(space, history, seed, number);
        }
        let (good, others) = split(history);
        let others = others.into_iter().map(|setting| (1.0, view.point(setting)));
        let good = weights(good.len())
            .zip(good)
            .map(|(weight, setting)| (weight, view.point(setting)));
        let search = Search {
            good: Parzen::new(good.collect(), &view.axes),
            others: Parzen::new(others.collect(), &view.axes),
            view: &view,
        };
        search.most_promising(&mut stream(seed, number, Purpose::Setting))
    }
}

/// Weights of trials, the best first, 1 in the mean (Hansen, "The CMA Evolution Strategy: A Tutorial",
/// 2016, equation 49).
fn weights(count: usize) -> impl Iterator<Item = f64> {
    let raw = move |rank: usize| libm::log(count as f64 + 0.5) - libm::log(rank as f64);
    let sum: f64 = (1..=count).map(raw).sum();
    (1..=count).map(move |rank| raw(rank) * count as f64 / sum)
}

/// A space as Parzen estimators see it: what differs from trial to trial, as coordinates.
struct View<'a> {
    space: &'a Space,
    dimensions: Vec<(&'a String, &'a Distribution)>,
    axes: Vec<Axis>,
    fixed: Parameters,
}

impl<'a> View<'a> {
    fn of(space: &'a Space) -> Self {
        let mut view = Self {
            space,
            dimensions: Vec::new(),
            axes: Vec::new(),
            fixed: Parameters::new(),
        };
        for (name, distribution) in space.iter() {
            let axis = match distribution {
                Distribution::Fixed { value } => {
                    view.fixed.insert(name.clone(), value.clone());
                    continue;
                }
                Distribution::Categorical { choices } => Axis::Choice(choices.values().len()),
                Distribution::Float(_) | Distribution::Int(_) => Axis::Number,
            };
            view.axes.push(axis);
            view.dimensions.push((name, distribution));
        }
        view
    }

    /// Shares of the way, and places among choices. What a setting does not have, or is no value of
    /// the dimension, is NaN.
    fn point(&self, setting: &Parameters) -> Vec<f64> {
        let coordinate = |(name, distribution): &(&String, &Distribution)| {
            let value = setting.get(*name);
            let found = value.and_then(|value| coordinate(distribution, value));
            found.unwrap_or(f64::NAN)
        };
        self.dimensions.iter().map(coordinate).collect()
    }

    fn setting(&self, point: &[f64]) -> Parameters {
        let mut setting = self.fixed.clone();
        for ((name, distribution), at) in self.dimensions.iter().zip(point) {
            setting.insert((*name).clone(), value(distribution, *at));
        }
        self.space.active(setting)
    }
}

fn coordinate(distribution: &Distribution, value: &Value) -> Option<f64> {
    match distribution {
        Distribution::Categorical { choices } => {
            let place = choices.values().iter().position(|choice| choice == value);
            place.map(|place| place as f64)
        }
        distribution => distribution.share_of(value),
    }
}

fn value(distribution: &Distribution, coordinate: f64) -> Value {
    match distribution {
        Distribution::Categorical { choices } => {
            let last = choices.values().len() - 1;
            choices.values()[(coordinate as usize).min(last)].clone()
        }
        distribution => distribution.at(coordinate),
    }
}

/// The settings of the good trials, the best first, and those of the others or an even choice of them.
fn split(history: History<'_>) -> (Vec<&Parameters>, Vec<&Parameters>) {
    let mut ranked: Vec<&Finished> = history.finished.iter().collect();
    let good = (GOOD_SHARE * ranked.len() as f64).ceil() as usize;
    let good = good.clamp(1, MOST_GOOD).min(ranked.len());
    let by_merit = |a: &&Finished, b: &&Finished| merit_order(history, a, b);
    // No more is put in order than has to be: there may be many trials.
    ranked.select_nth_unstable_by(good - 1, by_merit);
    ranked.truncate(good);
    ranked.sort_unstable_by(by_merit);
    let last = ranked[good - 1];
    let others = history.finished.iter();
    let others = others.filter(|trial| merit_order(history, trial, last) == Ordering::Greater);
    let count = history.finished.len() - good + history.running.len();
    let stride = count.div_ceil(MOST_OTHERS).max(1);
    let others = others.map(|trial| &trial.parameters);
    (
        ranked.iter().map(|trial| &trial.parameters).collect(),
        others
            .chain(history.running.values())
            .step_by(stride)
            .collect(),
    )
}

/// The better trial first.
fn merit_order(history: History<'_>, a: &Finished, b: &Finished) -> Ordering {
    let reach = |trial: &Finished| Reverse(trial.stopped_at.unwrap_or(u32::MAX));
    let loss = |trial: &Finished| history.direction.loss(trial.score);
    reach(a)
        .cmp(&reach(b))
        .then(loss(a).total_cmp(&loss(b)))
        .then(a.number.cmp(&b.number))
}

/// What is looked for, and by what.
struct Search<'a> {
    view: &'a View<'a>,
    good: Parzen<'a>,
    others: Parzen<'a>,
}

impl Search<'_> {
    fn most_promising(&self, rng: &mut ChaCha8Rng) -> Parameters {
        let mut best = (f64::NEG_INFINITY, Parameters::new());
        for _ in 0..CANDIDATES {
            let setting = self.view.setting(&self.good.draw(rng));
            // Where the setting lies, not where it was drawn: whole numbers are rounded.
            let point = self.view.point(&setting);
            let promise = self.good.log_density(&point) - self.others.log_density(&point);
            if promise > best.0 || best.1.is_empty() {
                best = (promise, setting);
            }
        }
        best.1
    }
}
