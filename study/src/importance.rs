//! Which hyper-parameters decide whether a trial is among the best. Knows settings and scores alone,
//! and not how they came about.

mod parzen;

use tabsweep_protocol::Value;

use crate::{Direction, Distribution, Finished, History, Space};
use parzen::Axis;

/// The share of the trials that counts as the best.
const BEST_SHARE: f64 = 0.1;
/// Fewer active trials say nothing of a hyper-parameter.
const FEWEST: usize = 2;

/// The importance of each hyper-parameter that varies, most important first; together 1. Empty as
/// long as nothing can be told.
///
/// PED-ANOVA (Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
/// Importance in Arbitrary Subspaces", 2023): how differently the best tenth of the trials and all of
/// them spread over the values. One that not all trials have counts by those that have it
/// ("Conditional PED-ANOVA", 2026, theorem 4.2). Settings that a sampler prefers do no harm: the best
/// are compared with what was tried, not with the space.
///
/// Trials of a pruner are compared as far as they came: who came further is the better one, who
/// diverged the worst.
pub fn importance(space: &Space, history: History<'_>) -> Vec<(String, f64)> {
    let mut trials: Vec<&Finished> = history.finished.iter().collect();
    trials.sort_by(|a, b| {
        let (a, b) = (
            Merit::of(a, history.direction),
            Merit::of(b, history.direction),
        );
        a.reach
            .cmp(&b.reach)
            .reverse()
            .then(a.loss.total_cmp(&b.loss))
    });
    let best = best_count(&trials, history.direction);
    let divergences = space.iter().filter_map(|(name, distribution)| {
        let share = divergence(name, distribution, &trials, best)?;
        Some((name.clone(), share))
    });
    let mut shares: Vec<(String, f64)> = divergences.collect();
    let total: f64 = shares.iter().map(|(_, share)| share).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    shares.iter_mut().for_each(|(_, share)| *share /= total);
    // Stable: of equal shares the first name comes first.
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    shares
}

/// What a trial is compared by: how far it came, then its loss.
#[derive(Clone, Copy, PartialEq)]
struct Merit {
    reach: u32,
    loss: f64,
}

impl Merit {
    fn of(trial: &Finished, direction: Direction) -> Self {
        let loss = direction.loss(trial.score);
        let reach = match trial.stopped_at {
            _ if loss >= direction.loss(direction.worst_share()) => 0,
            Some(epoch) => epoch,
            None => u32::MAX,
        };
        Self { reach, loss }
    }
}

/// How many of the ordered trials are the best: a tenth, and all that are as good as its last.
fn best_count(trials: &[&Finished], direction: Direction) -> usize {
    let tenth = libm::ceil(BEST_SHARE * trials.len() as f64) as usize;
    let Some(last) = tenth.checked_sub(1).and_then(|last| trials.get(last)) else {
        return 0;
    };
    let last = Merit::of(last, direction);
    let equals = trials[tenth..].iter();
    tenth
        + equals
            .take_while(|trial| Merit::of(trial, direction) == last)
            .count()
}

/// The hyper-parameter's share before it is compared with others; none where it does not vary.
fn divergence(
    name: &str,
    distribution: &Distribution,
    trials: &[&Finished],
    best: usize,
) -> Option<f64> {
    let axis = Axis::of(distribution)?;
    let place = |trial: &&Finished| {
        let value: &Value = trial.parameters.get(name)?;
        axis.place(value)
    };
    let of_best: Vec<usize> = trials[..best].iter().filter_map(place).collect();
    let rest = trials[best..].iter().filter_map(place);
    let of_all: Vec<usize> = of_best.iter().copied().chain(rest).collect();
    if of_best.is_empty() || of_all.len() < FEWEST {
        return Some(0.0);
    }
    let active_of_best = of_best.len() as f64 / best as f64;
    let active_of_all = of_all.len() as f64 / trials.len() as f64;
    let (top, all) = (axis.density(&of_best), axis.density(&of_all));
    let pearson = top.iter().zip(&all).map(|(top, all)| {
        let difference = top / all - 1.0;
        all * difference * difference
    });
    Some(active_of_best * active_of_best / active_of_all * pearson.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Choices, FloatRange, IntRange};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use tabsweep_protocol::{Parameters, TrialNumber};

    fn space() -> Space {
        let float = Distribution::Float(FloatRange::new(0.0, 1.0, false).unwrap());
        let choices = Choices::new(vec![Value::Bool(false), Value::Bool(true)]).unwrap();
        let one = Distribution::Int(IntRange::new(7, 7, 1, false).unwrap());
        [
            ("decides".to_owned(), float.clone()),
            ("does_nothing".to_owned(), float),
            ("only".to_owned(), one),
            ("switch".to_owned(), Distribution::Categorical { choices }),
        ]
        .into_iter()
        .collect()
    }

    fn finished(number: u32, score: f64, stopped_at: Option<u32>) -> Finished {
        let at = |factor: u32| Value::Float(f64::from(number * factor % 101) / 100.0);
        let parameters: Parameters = [
            ("decides".to_owned(), at(37)),
            ("does_nothing".to_owned(), at(59)),
            ("only".to_owned(), Value::Int(7)),
            ("switch".to_owned(), Value::Bool(number.is_multiple_of(2))),
        ]
        .into();
        Finished {
            number: TrialNumber(number),
            parameters,
            score,
            stopped_at,
            rests: Vec::new(),
        }
    }

    fn told(direction: Direction, finished: &[Finished]) -> Vec<(String, f64)> {
        let running = BTreeMap::new();
        let history = History {
            direction,
            finished,
            running: &running,
        };
        importance(&space(), history)
    }

    fn by_first(number: u32) -> f64 {
        f64::from(number * 37 % 101 + 1) / 200.0
    }

    #[test]
    fn what_decides_is_told_from_what_does_nothing() {
        let trials: Vec<Finished> = (0..100).map(|i| finished(i, by_first(i), None)).collect();
        let shares = told(Direction::Maximize, &trials);
        assert_eq!(shares.len(), 3, "one that does not vary has no importance");
        assert_eq!(shares[0].0, "decides");
        assert!(shares[0].1 > 0.9, "{shares:?}");
    }

    #[test]
    fn nothing_is_told_of_too_few_or_of_equals() {
        assert_eq!(told(Direction::Maximize, &[]), []);
        assert_eq!(told(Direction::Maximize, &[finished(0, 0.5, None)]), []);
        let equal: Vec<Finished> = (0..50).map(|i| finished(i, 0.5, None)).collect();
        assert_eq!(told(Direction::Maximize, &equal), []);
    }

    #[test]
    fn who_came_further_is_better_and_who_diverged_is_worst() {
        // Scores on the way are higher than those at the end, as if labels were smoothed.
        let trials: Vec<Finished> = (0..100)
            .map(|i| match i * 37 % 101 {
                80.. => finished(i, 0.5 * by_first(i), None),
                0..20 => finished(i, 0.0, None),
                _ => finished(i, by_first(i) + 0.4, Some(3)),
            })
            .collect();
        let shares = told(Direction::Maximize, &trials);
        assert_eq!(shares[0].0, "decides");
        assert!(shares[0].1 > 0.9, "{shares:?}");
    }

    proptest! {
        #[test]
        fn shares_are_whole_whatever_the_order_and_the_direction(
            scores in prop::collection::vec(1..1000_u32, 2..80), turn in 0..80_usize,
        ) {
            let of = |direction: Direction| -> Vec<Finished> {
                (0..).zip(&scores).map(|(number, &score)| {
                    let score = f64::from(score) / 1024.0;
                    let score = match direction {
                        Direction::Maximize => score,
                        Direction::Minimize => 1.0 - score,
                    };
                    finished(number, score, None)
                }).collect()
            };
            let mut trials = of(Direction::Maximize);
            let shares = told(Direction::Maximize, &trials);
            if !shares.is_empty() {
                let total: f64 = shares.iter().map(|(_, share)| share).sum();
                prop_assert!((total - 1.0).abs() < 1e-12);
                prop_assert!(shares.iter().all(|(_, share)| (0.0..=1.0).contains(share)));
            }
            prop_assert_eq!(&shares, &told(Direction::Minimize, &of(Direction::Minimize)));
            let by = turn % trials.len();
            trials.rotate_left(by);
            prop_assert_eq!(&shares, &told(Direction::Maximize, &trials));
        }
    }
}
