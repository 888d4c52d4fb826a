//! Which trials are better, when some rest where others went on. Trials that came to the same epoch are
//! compared there; those that went on keep among themselves the order of what they reached later.

use std::collections::BTreeMap;

use tabsweep_protocol::TrialNumber;

use super::{Finished, History};

/// Places in the history of the best `count` trials, or of all where there are fewer, best first.
///
/// From the farthest epoch down: a trial that stopped comes before the first of those that went on
/// whose place its score has, when they are compared at the epoch where it stopped. So a trial that
/// went on early, when there were few to compare it with, is not better for it. Who stopped where
/// nobody else rested comes after all who came farther.
pub(super) fn best(history: History<'_>, count: usize) -> Vec<usize> {
    let loss = |score: f64| history.direction.loss(score);
    let mut stops: BTreeMap<u32, Vec<Stop>> = BTreeMap::new();
    for (place, trial) in history.finished.iter().enumerate() {
        let stop = Stop {
            loss: loss(trial.score),
            number: trial.number,
            place,
        };
        stops.entry(reach(trial)).or_default().push(stop);
    }
    let mut ranked: Vec<usize> = Vec::new();
    for (epoch, stops) in stops.into_iter().rev() {
        let score_there = |trial: &Finished| {
            let rest = trial.rests.iter().find(|rest| rest.epoch == epoch);
            rest.map(|rest| loss(rest.score))
        };
        let farther = history.finished.iter().filter(|trial| reach(trial) > epoch);
        let mut passed: Vec<f64> = farther.filter_map(score_there).collect();
        passed.sort_unstable_by(f64::total_cmp);
        let mut merged = Vec::new();
        let mut stopped = least(stops, count).into_iter().peekable();
        let mut seen = 0;
        for place in ranked {
            if score_there(&history.finished[place]).is_some() {
                let at_most = passed[seen];
                seen += 1;
                while let Some(stop) = stopped.next_if(|stop| stop.loss < at_most) {
                    merged.push(stop.place);
                }
            }
            merged.push(place);
        }
        merged.extend(stopped.map(|stop| stop.place));
        merged.truncate(count);
        ranked = merged;
    }
    ranked
}

/// Where a trial stopped, or came to its end.
struct Stop {
    loss: f64,
    number: TrialNumber,
    place: usize,
}

fn reach(trial: &Finished) -> u32 {
    trial.stopped_at.unwrap_or(u32::MAX)
}

/// The best `count`, in order. No more is put in order than has to be: there may be many trials.
fn least(mut stops: Vec<Stop>, count: usize) -> Vec<Stop> {
    let order = |a: &Stop, b: &Stop| {
        let by_loss = a.loss.total_cmp(&b.loss);
        by_loss.then(a.number.cmp(&b.number))
    };
    if count < stops.len() {
        stops.select_nth_unstable_by(count, order);
        stops.truncate(count);
    }
    stops.sort_unstable_by(order);
    stops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Rest};

    /// A trial that has rested with these errors after 1, 2, 4 … epochs, or came to its end with the
    /// last of them.
    fn trial(number: u32, errors: &[f64], is_whole: bool) -> Finished {
        let score = errors[errors.len() - 1];
        let rests = (0..).zip(errors).map(|(rung, &score)| Rest {
            epoch: 1 << rung,
            score,
        });
        let mut rests: Vec<Rest> = rests.collect();
        let stopped_at = rests.last().filter(|_| !is_whole).map(|rest| rest.epoch);
        rests.truncate(errors.len() - usize::from(is_whole));
        Finished {
            number: TrialNumber(number),
            parameters: [].into(),
            score,
            stopped_at,
            rests,
        }
    }

    fn best_of(finished: &[Finished], count: usize) -> Vec<usize> {
        let history = History {
            direction: Direction::Minimize,
            finished,
            running: &[].into(),
        };
        best(history, count)
    }

    #[test]
    fn trials_are_compared_at_the_epoch_to_which_both_came() {
        let finished = [
            trial(0, &[0.5, 0.3], false),
            trial(1, &[0.4, 0.35, 0.2], true),
            trial(2, &[0.45], false),
            trial(3, &[0.6], false),
            trial(4, &[0.1], false),
        ];
        // After one epoch: 4, 1, 2, 0, 3. Of 0 and 1, which went on, 0 was ahead after two.
        assert_eq!(best_of(&finished, 9), [4, 0, 2, 1, 3]);
        for count in 0..5 {
            assert_eq!(best_of(&finished, count), best_of(&finished, 9)[..count]);
        }
    }

    #[test]
    fn who_has_nobody_to_be_compared_with_comes_after_those_who_came_farther() {
        let pruned = Finished {
            rests: Vec::new(),
            ..trial(1, &[0.1], false)
        };
        let diverged = Finished {
            stopped_at: Some(0),
            ..trial(2, &[1.0], true)
        };
        let finished = [diverged, pruned, trial(0, &[0.9], true)];
        assert_eq!(best_of(&finished, 3), [2, 1, 0]);
    }
}
