//! Hyperband: nobody knows after how many epochs a poor trial shows, so several answers are tried
//! beside each other.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::TrialNumber;

use super::{Asha, PrunerError};
use crate::Timeline;

/// Brackets of asynchronous successive halving, each with a later first rung than the one before (Li
/// et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", 2018; brackets
/// beside each other as in Li et al. 2020, section 3.3). A trial is compared with those of its own
/// bracket alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Options", into = "Options")]
pub struct Hyperband {
    halving: Asha,
    max_epochs: u32,
}

/// As written, not yet known to make sense.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default = "min_epochs")]
    min_epochs: u32,
    max_epochs: u32,
    #[serde(default = "reduction_factor")]
    reduction_factor: u32,
}

fn min_epochs() -> u32 {
    1
}

fn reduction_factor() -> u32 {
    2
}

impl TryFrom<Options> for Hyperband {
    type Error = PrunerError;

    fn try_from(options: Options) -> Result<Self, PrunerError> {
        let halving = Asha::new(options.min_epochs, options.reduction_factor)?;
        Self::new(halving, options.max_epochs)
    }
}

impl From<Hyperband> for Options {
    fn from(hyperband: Hyperband) -> Self {
        Self {
            min_epochs: hyperband.halving.min_epochs(),
            max_epochs: hyperband.max_epochs,
            reduction_factor: hyperband.halving.reduction_factor(),
        }
    }
}

impl Hyperband {
    /// Brackets of `halving` for trials that take `max_epochs` when they are never stopped. The last
    /// bracket never pauses a trial.
    ///
    /// # Errors
    /// `max_epochs` lies before the first rung.
    pub fn new(halving: Asha, max_epochs: u32) -> Result<Self, PrunerError> {
        let min_epochs = halving.min_epochs();
        if max_epochs < min_epochs {
            let found = max_epochs;
            return Err(PrunerError::MaxEpochs { found, min_epochs });
        }
        Ok(Self {
            halving,
            max_epochs,
        })
    }

    pub(super) fn rung(self, number: TrialNumber, index: u32) -> Option<u32> {
        let index = self.bracket(number).checked_add(index)?;
        let epoch = self.halving.rung(index)?;
        (epoch < self.max_epochs).then_some(epoch)
    }

    pub(super) fn promotable(self, timeline: &Timeline) -> Option<TrialNumber> {
        self.halving.promotable(timeline)
    }

    /// Trials of each bracket for the same budget, first bracket first: B·η^s / (s + 1) of B brackets,
    /// where s is how many rungs come after the first (Li et al. 2018, algorithm 1, with R = η^(B-1)).
    fn shares(self) -> Vec<u64> {
        let is_in_range = |&index: &u32| {
            let epoch = self.halving.rung(index);
            epoch.is_some_and(|epoch| epoch <= self.max_epochs)
        };
        let brackets = (0..).take_while(is_in_range).count() as u64;
        let factor = u64::from(self.halving.reduction_factor());
        let share = |rungs: u64| (brackets * factor.pow(rungs as u32)).div_ceil(rungs + 1);
        (0..brackets).rev().map(share).collect()
    }

    /// The trial's bracket, from 0. Any few trials in a row are spread over the brackets as all are:
    /// by the radical inverse of their number (van der Corput, 1935).
    fn bracket(self, number: TrialNumber) -> u32 {
        let shares = self.shares();
        let total: u128 = shares.iter().copied().map(u128::from).sum();
        let mut at = (u128::from(number.0.reverse_bits()) * total) >> 32;
        let mut bracket = 0;
        for share in shares.into_iter().map(u128::from) {
            if at < share {
                break;
            }
            at -= share;
            bracket += 1;
        }
        bracket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hyperband(max_epochs: u32) -> Hyperband {
        Hyperband::new(Asha::new(1, 3).unwrap(), max_epochs).unwrap()
    }

    #[test]
    fn shares_are_those_of_the_paper() {
        // Table 1 of Li et al. 2018: R = 81, η = 3.
        assert_eq!(hyperband(81).shares(), [81, 34, 15, 8, 5]);
        assert_eq!(hyperband(1).shares(), [1]);
    }

    #[test]
    fn trials_are_spread_in_proportion() {
        let hyperband = hyperband(9);
        assert_eq!(hyperband.shares(), [9, 5, 3]);
        let is_spread = |numbers: std::ops::Range<u32>, difference: usize| {
            let all = numbers.len();
            let mut counts = [0; 3];
            numbers.for_each(|number| counts[hyperband.bracket(TrialNumber(number)) as usize] += 1);
            let due = [9, 5, 3].map(|share| share * all / 17);
            assert!(
                counts
                    .iter()
                    .zip(due)
                    .all(|(count, due)| due.abs_diff(*count) <= difference),
                "{counts:?} of {all}"
            );
        };
        is_spread(0..1_700, 4);
        // And so are a few in a row.
        (0..1_000).for_each(|first| is_spread(first..first + 17, 2));
    }

    #[test]
    fn each_bracket_rests_later_first() {
        let rungs = |number: u32| [0, 1].map(|index| hyperband(9).rung(TrialNumber(number), index));
        assert_eq!(rungs(0), [Some(1), Some(3)]);
        let later = (0..100).find(|&number| hyperband(9).bracket(TrialNumber(number)) == 1);
        assert_eq!(rungs(later.unwrap()), [Some(3), None]);
        let last = (0..100).find(|&number| hyperband(9).bracket(TrialNumber(number)) == 2);
        assert_eq!(rungs(last.unwrap()), [None, None]);
    }
}
