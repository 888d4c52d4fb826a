//! Settings like the good ones and unlike the others: the tree-structured Parzen estimator (Bergstra et
//! al., "Algorithms for Hyper-Parameter Optimization", 2011), multivariate as in BOHB (Falkner et al.,
//! 2018).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tabsweep_protocol::{Parameters, Seed, TrialNumber, Value};

use super::{
    History, Purpose, Sampler, SobolSampler,
    merit::best,
    parzen::{Axis, Parzen, Reach},
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
/// How far kernels reach when a suggestion stays with what is known.
const NEAR: Reach = Reach {
    width: 1.0,
    tail: 0.1,
};
/// How far those of the good trials reach when it explores.
const FAR: Reach = Reach {
    width: 2.0,
    tail: 0.2,
};
/// How far those of the others reach then.
const NOT_BEYOND: Reach = Reach {
    width: 2.0,
    tail: 0.0,
};
/// The share of all trials that may come after the best before a suggestion explores.
const PATIENCE: f64 = 0.1;

/// Learns from trials that have a score, also from those that rest or were pruned. Trials under way
/// count as bad, so that workers at the same time try different things (the constant liar of
/// Ginsbourger et al., "Kriging Is Well-Suited to Parallelize Optimization", 2010).
///
/// The longer ago the best was found, the more suggestions explore: there the good trials reach
/// farther, and the others keep nobody away but from around themselves. Without that, a search holds on
/// to a good region beside a better one.
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
        let mut rng = stream(seed, number, Purpose::Setting);
        let split = Split::of(history);
        let explores = rng.random::<f64>() < (split.since_best - PATIENCE) / (1.0 - PATIENCE);
        let (reach, others_reach) = match explores {
            true => (FAR, NOT_BEYOND),
            false => (NEAR, NEAR),
        };
        let others = split.others.into_iter();
        let others = others.map(|setting| (1.0, view.point(setting)));
        let good = weights(split.good.len()).zip(split.good);
        let good = good.map(|(weight, setting)| (weight, view.point(setting)));
        let search = Search {
            good: Parzen::new(good.collect(), &view.axes, reach),
            others: Parzen::new(others.collect(), &view.axes, others_reach),
            view: &view,
        };
        search.most_promising(&mut rng)
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
                Distribution::Float(_) => Axis::Real,
                Distribution::Int(_) => Axis::Whole,
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

/// What the history says of settings.
struct Split<'a> {
    /// Of the good trials, the best first.
    good: Vec<&'a Parameters>,
    /// Of the others, or an even choice of them.
    others: Vec<&'a Parameters>,
    /// The share of all trials that came after the best.
    since_best: f64,
}

impl<'a> Split<'a> {
    /// At least one trial has finished.
    fn of(history: History<'a>) -> Self {
        let finished = history.finished;
        let good = (GOOD_SHARE * finished.len() as f64).ceil() as usize;
        let good = best(history, good.clamp(1, MOST_GOOD));
        let mut is_good = vec![false; finished.len()];
        good.iter().for_each(|place| is_good[*place] = true);
        let others = finished.iter().zip(is_good);
        let others = others.filter(|(_, is_good)| !is_good);
        let count = finished.len() - good.len() + history.running.len();
        let stride = count.div_ceil(MOST_OTHERS).max(1);
        let since_best = finished.len() - 1 - good[0];
        Self {
            others: others
                .map(|(trial, _)| &trial.parameters)
                .chain(history.running.values())
                .step_by(stride)
                .collect(),
            good: good
                .into_iter()
                .map(|place| &finished[place].parameters)
                .collect(),
            since_best: since_best as f64 / finished.len() as f64,
        }
    }
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
