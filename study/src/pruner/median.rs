//! Stopping by the median: cheap, needs no rungs, and decides while a trial is under way.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::TrialNumber;

use crate::Timeline;

/// A trial stops for good when its best score so far is worse than the median of the verified
/// trials' scores at the same epoch (Golovin et al., "Google Vizier", 2017, section 3.2.2; in the
/// details as Optuna's `MedianPruner`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Median {
    /// Trials that are verified before any is stopped. Default 5.
    pub startup_trials: u32,
    /// Epochs of every trial before it can be stopped. Default 0.
    pub warmup_epochs: u32,
}

impl Default for Median {
    fn default() -> Self {
        Self {
            startup_trials: 5,
            warmup_epochs: 0,
        }
    }
}

impl Median {
    pub(super) fn stops(self, timeline: &Timeline, number: TrialNumber, epoch: u32) -> bool {
        if epoch <= self.warmup_epochs || timeline.verified() < self.startup_trials as usize {
            return false;
        }
        let direction = timeline.direction();
        let curve = timeline.curve(number);
        // What an earlier attempt reported of later epochs is not known yet.
        let so_far = curve
            .into_iter()
            .flat_map(|curve| curve.reports.range(..=epoch));
        let best = so_far.map(|(_, &score)| score).reduce(|best, score| {
            if direction.is_better(score, best) {
                score
            } else {
                best
            }
        });
        best.zip(timeline.median(epoch))
            .is_some_and(|(best, median)| direction.is_better(median, best))
    }
}
