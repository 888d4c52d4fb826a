//! What happened to a study's trials that suggestions and pruning depend on. The events of a study
//! have a total order, in which they are stored; whoever folds them in that order into a
//! [`crate::Timeline`] decides the same.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, TrialNumber};

use crate::{Objective, Trial, TrialState};

/// Something that happened to a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Which trial.
    pub number: TrialNumber,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen, in order of life. Scores are in the unit of the study's objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A setting was chosen for it.
    Suggested {
        /// The setting.
        parameters: Parameters,
    },
    /// A worker scored it on the way. Recorded only where the pruner asks for it.
    Reported {
        /// Epochs done.
        epoch: u32,
        /// The score.
        score: f64,
    },
    /// It has reached its rung, and the server has scored it there.
    Paused {
        /// Epochs done.
        epoch: u32,
        /// The score.
        score: f64,
    },
    /// It goes on from its rung.
    Promoted,
    /// It has been verified.
    Verified {
        /// The score.
        score: f64,
    },
    /// Its loss left the numbers.
    Diverged,
    /// It has been stopped for good because others were better.
    Pruned {
        /// Epochs done.
        epoch: u32,
        /// The score there.
        score: f64,
    },
    /// It has failed or was cancelled: nothing more becomes known of its setting.
    Dropped,
    /// An operator wants it once more from the beginning.
    Requeued,
}

impl Event {
    /// What has happened to a trial that was `before` and is now `after`, as far as anybody's
    /// suggestions depend on it. A report is no change of state and not found here.
    pub fn between(before: Option<&Trial>, after: &Trial, objective: Objective) -> Option<Self> {
        let number = after.number;
        let Some(before) = before else {
            let parameters = after.parameters.clone();
            let kind = EventKind::Suggested { parameters };
            return Some(Self { number, kind });
        };
        let is_anew = after.rungs < before.rungs;
        let kind = match &after.state {
            state if state.name() == before.state.name() && !is_anew => return None,
            TrialState::Waiting | TrialState::Running(_) | TrialState::Checking(_) => {
                if before.state.has_ended() || is_anew {
                    EventKind::Requeued
                } else if matches!(before.state, TrialState::Paused(_)) {
                    EventKind::Promoted
                } else {
                    return None;
                }
            }
            TrialState::Paused(rested) => EventKind::Paused {
                epoch: rested.epoch,
                score: objective.score(rested.validation),
            },
            TrialState::Verified(verified) => EventKind::Verified {
                score: objective.of(verified.scores),
            },
            TrialState::Diverged { .. } => EventKind::Diverged,
            TrialState::Pruned {
                epoch, validation, ..
            } => EventKind::Pruned {
                epoch: *epoch,
                score: objective.score(*validation),
            },
            TrialState::Failed { .. } | TrialState::Cancelled => EventKind::Dropped,
        };
        Some(Self { number, kind })
    }
}
