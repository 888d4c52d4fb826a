//! The median of scores that come one by one, known at every time without looking at all of them.

use std::collections::BTreeSet;

use tabsweep_protocol::TrialNumber;

use crate::order::Place;

/// Scores in two halves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RunningMedian {
    /// As many as in `upper`, or one more.
    lower: BTreeSet<Place>,
    upper: BTreeSet<Place>,
}

impl RunningMedian {
    pub(crate) fn insert(&mut self, number: TrialNumber, score: f64) {
        let place = Place::new(score, number);
        if self.upper.first().is_some_and(|first| *first < place) {
            self.upper.insert(place);
        } else {
            self.lower.insert(place);
        }
        self.balance();
    }

    pub(crate) fn remove(&mut self, number: TrialNumber, score: f64) {
        let place = Place::new(score, number);
        if !self.lower.remove(&place) {
            self.upper.remove(&place);
        }
        self.balance();
    }

    /// The one in the middle, or the mean of both; none of none.
    pub(crate) fn value(&self) -> Option<f64> {
        let below = self.lower.last()?.figure();
        let above = self.upper.first().map(Place::figure);
        Some(match above {
            Some(above) if self.lower.len() == self.upper.len() => f64::midpoint(below, above),
            _ => below,
        })
    }

    fn balance(&mut self) {
        if self.lower.len() < self.upper.len() {
            self.lower.extend(self.upper.pop_first());
        } else if self.lower.len() > self.upper.len() + 1 {
            self.upper.extend(self.lower.pop_last());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_none_there_is_none() {
        assert_eq!(RunningMedian::default().value(), None);
    }

    proptest! {
        #[test]
        fn it_is_what_sorting_finds(
            scores in prop::collection::vec(0..20_u32, 1..40), removed in 0..40_usize,
        ) {
            let mut median = RunningMedian::default();
            let score = |index: usize| f64::from(scores[index]) / 20.0;
            for index in 0..scores.len() {
                median.insert(TrialNumber(index as u32), score(index));
            }
            let removed = removed.min(scores.len() - 1);
            for index in 0..removed {
                median.remove(TrialNumber(index as u32), score(index));
            }
            let mut kept: Vec<f64> = (removed..scores.len()).map(score).collect();
            kept.sort_by(f64::total_cmp);
            let (low, high) = (kept[(kept.len() - 1) / 2], kept[kept.len() / 2]);
            prop_assert_eq!(median.value(), Some(f64::midpoint(low, high)));
        }
    }
}
