//! Which trials are stopped early, and which of those that rest go on. A pruner decides from a
//! study's [`Timeline`] alone.

mod asha;
mod hyperband;
mod median;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use tabsweep_protocol::TrialNumber;

use crate::Timeline;

pub use asha::Asha;
pub use hyperband::Hyperband;
pub use median::Median;

/// The pruners that a study can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pruner {
    /// Every trial is trained to its end.
    #[default]
    None,
    /// Stops for good what is worse than the median.
    Median(Median),
    /// Successive halving without waiting.
    Asha(Asha),
    /// Several kinds of successive halving beside each other.
    Hyperband(Hyperband),
}

/// Why a pruner can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrunerError {
    /// Before its first epoch a trial has no score.
    #[error("`min_epochs` must be at least 1, found {found}")]
    MinEpochs {
        /// The epochs asked for.
        found: u32,
    },
    /// If one of one goes on, none is stopped.
    #[error("`reduction_factor` must be at least 2, found {found}")]
    ReductionFactor {
        /// The factor asked for.
        found: u32,
    },
    /// No trial could ever come to a rung.
    #[error("`max_epochs` must be at least `min_epochs` = {min_epochs}, found {found}")]
    MaxEpochs {
        /// The epochs asked for.
        found: u32,
        /// What they must be at least.
        min_epochs: u32,
    },
}

impl Pruner {
    /// Whether it wants to know the scores on the way.
    pub fn reads_reports(self) -> bool {
        matches!(self, Self::Median(_))
    }

    /// The epoch at which trial `number` pauses next when it has passed `rungs` rungs; none where it
    /// trains to its end. A trial whose end comes first ends.
    pub fn stops_at(self, number: TrialNumber, rungs: u32) -> Option<u32> {
        match self {
            Self::None | Self::Median(_) => None,
            Self::Asha(asha) => asha.rung(rungs),
            Self::Hyperband(hyperband) => hyperband.rung(number, rungs),
        }
    }

    /// The trial at rest that goes on next, if one has earned it.
    pub fn promotable(self, timeline: &Timeline) -> Option<TrialNumber> {
        match self {
            Self::None | Self::Median(_) => None,
            Self::Asha(asha) => asha.promotable(timeline),
            Self::Hyperband(hyperband) => hyperband.promotable(timeline),
        }
    }

    /// Whether a trial that has just reported its score after `epoch` stops for good. The report is
    /// in the timeline.
    pub fn stops(self, timeline: &Timeline, number: TrialNumber, epoch: u32) -> bool {
        match self {
            Self::Median(median) => median.stops(timeline, number, epoch),
            Self::None | Self::Asha(_) | Self::Hyperband(_) => false,
        }
    }
}
