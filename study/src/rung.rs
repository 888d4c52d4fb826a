//! A rung: the trials that have come to an epoch at which their pruner pauses them, in order. Does not
//! decide how many of them go on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use tabsweep_protocol::TrialNumber;

use crate::order::Place;

/// The trials that have come to a rung.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rung {
    places: BTreeMap<TrialNumber, Place>,
    /// Those that rest here.
    paused: BTreeSet<Place>,
    /// Those that went on from here, or ended.
    left: BTreeSet<Place>,
}

impl Rung {
    /// How many trials have come this far, wherever they are now.
    pub fn reached(&self) -> usize {
        self.places.len()
    }

    /// Whether the trial has come this far, wherever it is now.
    pub fn has_reached(&self, number: TrialNumber) -> bool {
        self.places.contains_key(&number)
    }

    /// The trials that rest here, best first.
    pub fn paused(&self) -> impl Iterator<Item = TrialNumber> + '_ {
        self.paused.iter().map(Place::number)
    }

    /// The best trial that rests here, if it is among the best `places` of all that came this far.
    ///
    /// Costs about as many comparisons as more than `places` trials have left: a trial leaves while
    /// it is among the best, so that these are few.
    pub fn best_paused_within(&self, places: usize) -> Option<TrialNumber> {
        let best = self.paused.first()?;
        let needed_behind = (self.left.len() + 1).saturating_sub(places);
        let behind = self.left.range((Excluded(best), Unbounded));
        (places > 0 && behind.take(needed_behind).count() == needed_behind).then_some(best.number())
    }

    pub(crate) fn pause(&mut self, number: TrialNumber, loss: f64) {
        self.remove(number);
        let place = Place::new(loss, number);
        self.places.insert(number, place);
        self.paused.insert(place);
    }

    /// The trial rests here no more, and still counts among those that came this far.
    pub(crate) fn leave(&mut self, number: TrialNumber) {
        if let Some(place) = self.places.get(&number)
            && self.paused.remove(place)
        {
            self.left.insert(*place);
        }
    }

    /// The trial has never been here.
    pub(crate) fn remove(&mut self, number: TrialNumber) {
        if let Some(place) = self.places.remove(&number) {
            self.paused.remove(&place);
            self.left.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(losses: &[f64]) -> Rung {
        let mut rung = Rung::default();
        for (number, loss) in (0..).zip(losses) {
            rung.pause(TrialNumber(number), *loss);
        }
        rung
    }

    #[test]
    fn the_best_comes_first_and_ties_go_by_number() {
        let rung = rung(&[0.3, 0.1, 0.1]);
        let paused: Vec<u32> = rung.paused().map(|number| number.0).collect();
        assert_eq!(paused, [1, 2, 0]);
        assert_eq!(rung.best_paused_within(0), None);
        assert_eq!(rung.best_paused_within(1), Some(TrialNumber(1)));
    }

    #[test]
    fn who_has_left_keeps_the_place() {
        let mut rung = rung(&[0.2, 0.4, 0.5]);
        rung.leave(TrialNumber(0));
        assert_eq!(rung.reached(), 3);
        assert_eq!(rung.best_paused_within(1), None);
        assert_eq!(rung.best_paused_within(2), Some(TrialNumber(1)));
        // A better one arrives: the place of the one that left counts for less.
        rung.pause(TrialNumber(3), 0.1);
        assert_eq!(rung.best_paused_within(1), Some(TrialNumber(3)));
        rung.remove(TrialNumber(0));
        rung.remove(TrialNumber(3));
        assert_eq!(rung.reached(), 2);
        assert_eq!(rung.best_paused_within(1), Some(TrialNumber(1)));
    }

    #[test]
    fn coming_again_counts_once() {
        let mut rung = rung(&[0.2, 0.4]);
        rung.leave(TrialNumber(0));
        rung.pause(TrialNumber(0), 0.5);
        assert_eq!(rung.reached(), 2);
        assert_eq!(rung.paused().count(), 2);
        assert_eq!(rung.best_paused_within(1), Some(TrialNumber(1)));
    }
}
