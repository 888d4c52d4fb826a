//! A trial as exports show it: with when it began and changed, who trained it, and its epochs.

use tabsweep_study::{Objective, Scores, Timestamp, Trial, TrialState};

/// A trial with its history.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRecord {
    /// The trial.
    pub trial: Trial,
    /// When it was first leased.
    pub started: Option<Timestamp>,
    /// When its state changed last.
    pub changed: Timestamp,
    /// Nickname of who had it last.
    pub volunteer: Option<String>,
    /// Its epochs in order, as workers reported them.
    pub epochs: Vec<EpochRecord>,
}

/// An epoch of a trial.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct EpochRecord {
    /// Epochs done.
    pub epoch: u32,
    /// Optimiser steps done.
    pub step: u64,
    /// Share of the validation images classified rightly, by the worker's count.
    pub validation_score: f64,
    /// Mean training loss, in nats.
    pub mean_loss: f64,
}

impl TrialRecord {
    /// What the server measured of a verified trial.
    pub(crate) fn scores(&self) -> Option<Scores> {
        match &self.trial.state {
            TrialState::Verified(verified) => Some(verified.scores),
            _ => None,
        }
    }

    /// A verified trial's weights.
    pub(crate) fn weights_sha256(&self) -> Option<&str> {
        match &self.trial.state {
            TrialState::Verified(verified) => Some(verified.weights_sha256.as_str()),
            _ => None,
        }
    }

    /// When it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.trial.state.has_ended().then_some(self.changed)
    }

    /// What it is worth to its study: once verified, or where its pruner compared it.
    pub(crate) fn score(&self, objective: Objective) -> Option<f64> {
        match &self.trial.state {
            TrialState::Verified(verified) => Some(objective.of(verified.scores)),
            TrialState::Pruned { validation, .. } => Some(objective.score(*validation)),
            TrialState::Paused(rested) => Some(objective.score(rested.validation)),
            _ => None,
        }
    }
}
