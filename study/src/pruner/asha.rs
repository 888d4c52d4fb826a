//! Asynchronous successive halving: every trial begins with few epochs, rests, and goes on when it is
//! among the best that came as far.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::TrialNumber;

use super::PrunerError;
use crate::{Rung, Timeline};

/// Asynchronous successive halving in its promotion form (Li et al., "A System for Massively
/// Parallel Hyperparameter Tuning", 2020, algorithm 2): every trial rests at its rung, and goes on
/// when it is among the best 1/`reduction_factor` there. Rung k is at `min_epochs` ·
/// `reduction_factor`^k epochs. Nobody ever waits for others to come to a rung.
///
/// In a study file `min_epochs` is 1 and `reduction_factor` 2 where they are left out: on recorded
/// curves random search needs about as much training with 2 as with 3 or 4, and 2 gives up the fewest
/// of the trials that begin slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Options")]
pub struct Asha {
    min_epochs: u32,
    reduction_factor: u32,
}

/// As written, not yet known to make sense.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    min_epochs: u32,
    reduction_factor: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            min_epochs: 1,
            reduction_factor: 2,
        }
    }
}

impl TryFrom<Options> for Asha {
    type Error = PrunerError;

    fn try_from(options: Options) -> Result<Self, PrunerError> {
        Self::new(options.min_epochs, options.reduction_factor)
    }
}

impl Asha {
    /// Halving by `reduction_factor` from `min_epochs` on.
    ///
    /// # Errors
    /// No epochs, or a factor below 2.
    pub fn new(min_epochs: u32, reduction_factor: u32) -> Result<Self, PrunerError> {
        if min_epochs == 0 {
            return Err(PrunerError::MinEpochs { found: min_epochs });
        }
        if reduction_factor < 2 {
            return Err(PrunerError::ReductionFactor {
                found: reduction_factor,
            });
        }
        Ok(Self {
            min_epochs,
            reduction_factor,
        })
    }

    pub(super) fn min_epochs(self) -> u32 {
        self.min_epochs
    }

    pub(super) fn reduction_factor(self) -> u32 {
        self.reduction_factor
    }

    /// Epochs to rung `index`; none where they are too many to count.
    pub(super) fn rung(self, index: u32) -> Option<u32> {
        let times = self.reduction_factor.checked_pow(index)?;
        self.min_epochs.checked_mul(times)
    }

    /// Looks at the rungs with most epochs first, at each bracket's for itself.
    pub(super) fn promotable(self, timeline: &Timeline) -> Option<TrialNumber> {
        let brackets = timeline.brackets().values();
        let mut rungs: Vec<(&u32, &Rung)> = brackets.flatten().collect();
        // Stable: of equal epochs the bracket that rests earlier comes first.
        rungs.sort_by(|(a, _), (b, _)| b.cmp(a));
        rungs.into_iter().find_map(|(_, rung)| {
            let best = rung.reached() / self.reduction_factor as usize;
            rung.best_paused_within(best)
        })
    }
}
