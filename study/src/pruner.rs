//! Which trials are stopped early, and which of those that rest go on. A pruner decides from a
//! study's [`Timeline`] alone.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::TrialNumber;

use crate::Timeline;

/// The pruners that a study can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pruner {
    /// Every trial is trained to its end.
    #[default]
    None,
    /// A trial stops for good when its best score so far is worse than the median of the finished
    /// trials' scores at the same epoch.
    Median {
        /// Trials that finish before any is stopped.
        startup_trials: u32,
        /// Epochs of every trial before it can be stopped.
        warmup_epochs: u32,
    },
    /// Asynchronous successive halving in its promotion form (Li et al., "A System for Massively
    /// Parallel Hyperparameter Tuning", 2020, algorithm 2): every trial rests at its rung, and goes on
    /// when it is among the best 1/`reduction_factor` there.
    Asha {
        /// Epochs to the first rung.
        min_epochs: u32,
        /// How many times further the next rung is, and how many rest for one that goes on.
        reduction_factor: u32,
    },
    /// Brackets of successive halving, each with a later first rung than the one before (Li et al.,
    /// "Hyperband", 2018).
    Hyperband {
        /// Epochs to the first rung of the first bracket.
        min_epochs: u32,
        /// Epochs of a trial that is never stopped; bounds the number of brackets.
        max_epochs: u32,
        /// As for [`Pruner::Asha`].
        reduction_factor: u32,
    },
}

impl Pruner {
    /// Whether it wants to know the scores on the way.
    pub fn reads_reports(self) -> bool {
        matches!(self, Self::Median { .. })
    }

    /// The epoch at which trial `number` pauses next when it has passed `rungs` rungs; none where it
    /// trains to its end. A trial whose end comes first ends.
    pub fn stops_at(self, _number: TrialNumber, _rungs: u32) -> Option<u32> {
        None
    }

    /// The trial at rest that goes on next, if one has earned it.
    pub fn promotable(self, _timeline: &Timeline) -> Option<TrialNumber> {
        None
    }

    /// Whether a trial that has just reported its score after `epoch` stops for good. The report is
    /// in the timeline.
    pub fn stops(self, _timeline: &Timeline, _number: TrialNumber, _epoch: u32) -> bool {
        false
    }
}
