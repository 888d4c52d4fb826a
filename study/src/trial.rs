//! A trial's life, from suggestion to verdict. Each transition takes the trial and gives it back
//! changed, or says from where it can't be made.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{
    Finished, LeaseToken, Numerics, Outcome, Parameters, Seed, Sha256, TrialNumber, VolunteerId,
};

use crate::{Grant, Lease, LeasePolicy, Timestamp};

/// A state to go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Optimiser steps that it contains.
    pub step: u64,
    /// Its blob.
    pub sha256: Sha256,
    /// The lease under which it was made.
    pub lease: LeaseToken,
}

/// A claim that waits for its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The lease under which it was made.
    pub lease: LeaseToken,
    /// Who made it.
    pub volunteer: VolunteerId,
    /// When it arrived.
    pub claimed: Timestamp,
    /// What it says.
    pub outcome: Outcome,
}

/// What the server measured with the uploaded weights; fractions of images classified rightly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// On the validation images; ranks the trial.
    pub validation: f64,
    /// On the test images; for people only.
    pub test: f64,
}

/// A trial that ended well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Its scores.
    pub scores: Scores,
    /// Its weights.
    pub weights_sha256: Sha256,
    /// Who finished it.
    pub volunteer: VolunteerId,
    /// When the verdict fell.
    pub verified: Timestamp,
}

/// A trial that rests at a rung of its pruner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rested {
    /// Epochs done.
    pub epoch: u32,
    /// Share of the validation images that its weights classify rightly there.
    pub validation: f64,
    /// Who trained it so far.
    pub volunteer: VolunteerId,
    /// When the verdict fell.
    pub paused: Timestamp,
}

/// Where a trial stands, in order of life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TrialState {
    /// Nobody works on it.
    Waiting,
    /// One worker does.
    Running(Lease),
    /// A claim is being checked.
    Checking(Pending),
    /// It rests at a rung, with a checkpoint, until its pruner finds it worth going on.
    Paused(Rested),
    /// The claim was right.
    Verified(Verified),
    /// Its loss left the numbers.
    Diverged {
        /// At which step.
        step: u64,
        /// Who saw it.
        volunteer: VolunteerId,
    },
    /// Its pruner stopped it for good.
    Pruned {
        /// Epochs done.
        epoch: u32,
        /// Share of the validation images classified rightly then, as the worker counted.
        validation: f64,
        /// Who trained it.
        volunteer: VolunteerId,
    },
    /// It used up its attempts.
    Failed {
        /// What went wrong last.
        reason: String,
    },
    /// Its study ended first.
    Cancelled,
}

impl TrialState {
    /// The state's name, as in JSON, SQL and on screen.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running(_) => "running",
            Self::Checking(_) => "checking",
            Self::Paused(_) => "paused",
            Self::Verified(_) => "verified",
            Self::Diverged { .. } => "diverged",
            Self::Pruned { .. } => "pruned",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens by itself; an operator may want it once more.
    pub fn has_ended(&self) -> bool {
        matches!(
            self,
            Self::Verified(_)
                | Self::Diverged { .. }
                | Self::Pruned { .. }
                | Self::Failed { .. }
                | Self::Cancelled
        )
    }
}

/// One setting of the hyper-parameters on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the study.
    pub number: TrialNumber,
    /// Its setting.
    pub parameters: Parameters,
    /// Its randomness.
    pub seed: Seed,
    /// The numeric contract it is trained under; for ever, once it has ended.
    pub numerics: Numerics,
    /// Leases granted so far.
    pub attempts: u32,
    /// Leases that came to nothing: silence, a worker that could not train it, a wrong claim. A
    /// volunteer who stops does not count.
    pub losses: u32,
    /// Where the next worker goes on.
    pub checkpoint: Option<Checkpoint>,
    /// Rungs at which it has rested.
    #[serde(default)]
    pub rungs: u32,
    /// Epochs after which it rests next; none where it trains to its end.
    #[serde(default)]
    pub stops_at: Option<u32>,
    /// Volunteers whose claims for this trial were wrong, or who could not train it; they don't get
    /// it again.
    pub refused: Vec<VolunteerId>,
    /// Where it stands.
    pub state: TrialState,
}

/// Something that can't happen to a trial, or a chunk, where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {subject} that is {from} can't be {event}")]
pub struct TransitionError {
    /// What it can't happen to: a trial or a chunk.
    pub subject: &'static str,
    /// The state's name.
    pub from: &'static str,
    /// What was asked.
    pub event: &'static str,
}

impl Trial {
    /// A trial that nobody has worked on.
    pub fn new(
        number: TrialNumber,
        parameters: Parameters,
        seed: Seed,
        numerics: Numerics,
    ) -> Self {
        Self {
            number,
            parameters,
            seed,
            numerics,
            attempts: 0,
            losses: 0,
            checkpoint: None,
            rungs: 0,
            stops_at: None,
            refused: Vec::new(),
            state: TrialState::Waiting,
        }
    }

    /// The lease under which the trial runs, if it does.
    pub fn current_lease(&self) -> Option<&Lease> {
        match &self.state {
            TrialState::Running(lease) => Some(lease),
            _ => None,
        }
    }

    /// Hands the trial to a worker.
    ///
    /// # Errors
    /// It is not waiting, or the volunteer's claim for it was wrong before.
    pub fn lease(
        mut self,
        grant: Grant,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        let event = "leased";
        match self.state {
            TrialState::Waiting if !self.refused.contains(&grant.volunteer) => {
                self.attempts += 1;
                self.state = TrialState::Running(Lease::new(grant, policy, now));
                Ok(self)
            }
            _ => Err(self.cannot_be(event)),
        }
    }

    /// The holder was heard of, or came back: the deadline moves.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn heard(
        self,
        token: &LeaseToken,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        self.with_lease(token, "continued", |trial, lease| {
            trial.state = TrialState::Running(lease.heard(policy, now));
        })
    }

    /// The holder's socket closed: the lease goes on for a short grace.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn left_alone(
        self,
        token: &LeaseToken,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        self.with_lease(token, "left alone", |trial, lease| {
            trial.state = TrialState::Running(lease.left_alone(policy, now));
        })
    }

    /// The holder has uploaded a checkpoint. One that is older than its last changes nothing; that of
    /// an earlier lease says nothing about how far this one is.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn checkpointed(self, checkpoint: Checkpoint) -> Result<Self, TransitionError> {
        let token = checkpoint.lease.clone();
        self.with_lease(&token, "checkpointed", |trial, lease| {
            if trial
                .checkpoint
                .as_ref()
                .is_none_or(|known| known.lease != checkpoint.lease || known.step < checkpoint.step)
            {
                trial.checkpoint = Some(checkpoint);
            }
            trial.state = TrialState::Running(lease);
        })
    }

    /// The holder gives the trial back because it was told to stop.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn released(self, token: &LeaseToken) -> Result<Self, TransitionError> {
        self.with_lease(token, "released", |trial, _| {
            trial.state = TrialState::Waiting;
        })
    }

    /// The holder could not train the trial. If it was to go on from somebody's checkpoint, that is
    /// dropped and nothing else happens: it may be no good, and nobody shall block a trial with a bad
    /// one. Otherwise the holder does not get the trial again.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn given_up(
        self,
        token: &LeaseToken,
        policy: LeasePolicy,
    ) -> Result<Self, TransitionError> {
        self.with_lease(token, "given up", |trial, lease| {
            match trial.checkpoint.take() {
                Some(checkpoint) if checkpoint.lease != lease.token => {
                    trial.state = TrialState::Waiting;
                }
                _ => {
                    trial.refused.push(lease.volunteer);
                    trial.wait_or_fail(policy, "its workers could not train it");
                }
            }
        })
    }

    /// The deadline has passed: the trial is free again, or failed when its attempts are used up.
    ///
    /// # Errors
    /// It does not run, or its deadline is still ahead.
    pub fn expired(mut self, policy: LeasePolicy, now: Timestamp) -> Result<Self, TransitionError> {
        match &self.state {
            TrialState::Running(lease) if lease.deadline <= now => {
                self.wait_or_fail(policy, "its workers went away");
                Ok(self)
            }
            _ => Err(self.cannot_be("expired")),
        }
    }

    /// Somebody says that it has ended. Right for the holder of the lease, and for the holder of an
    /// earlier lease of this trial while nobody else has one: the caller vouches that `lease` was
    /// granted for this trial to `volunteer`.
    ///
    /// # Errors
    /// Another lease runs, another claim is being checked, the trial has ended, or it was not to rest
    /// where the claim says it does.
    pub fn claimed(mut self, pending: Pending) -> Result<Self, TransitionError> {
        let refused = self.refused.contains(&pending.volunteer);
        if let Outcome::Paused(paused) = &pending.outcome
            && self.stops_at != Some(paused.epoch)
        {
            return Err(self.cannot_be("paused there"));
        }
        match &self.state {
            TrialState::Running(lease) if lease.token == pending.lease => {}
            TrialState::Waiting if !refused => {}
            _ => return Err(self.cannot_be("claimed")),
        }
        self.state = TrialState::Checking(pending);
        Ok(self)
    }

    /// The claim was right.
    ///
    /// # Errors
    /// There is no claim of finished weights.
    pub fn verified(mut self, scores: Scores, now: Timestamp) -> Result<Self, TransitionError> {
        match self.state {
            TrialState::Checking(Pending {
                outcome: Outcome::Finished(Finished { weights_sha256, .. }),
                volunteer,
                ..
            }) => {
                self.checkpoint = None;
                self.state = TrialState::Verified(Verified {
                    scores,
                    weights_sha256,
                    volunteer,
                    verified: now,
                });
                Ok(self)
            }
            _ => Err(self.cannot_be("verified")),
        }
    }

    /// The claim of having come to its rung was right: the trial rests there.
    ///
    /// # Errors
    /// There is no such claim.
    pub fn paused(mut self, validation: f64, now: Timestamp) -> Result<Self, TransitionError> {
        match self.state {
            TrialState::Checking(Pending {
                outcome: Outcome::Paused(paused),
                lease,
                volunteer,
                ..
            }) => {
                self.rungs += 1;
                self.checkpoint = Some(Checkpoint {
                    step: paused.step,
                    sha256: paused.state_sha256,
                    lease,
                });
                self.state = TrialState::Paused(Rested {
                    epoch: paused.epoch,
                    validation,
                    volunteer,
                    paused: now,
                });
                Ok(self)
            }
            _ => Err(self.cannot_be("paused")),
        }
    }

    /// It goes on from its rung, to the next one at `stops_at` or to its end.
    ///
    /// # Errors
    /// It does not rest.
    pub fn promoted(mut self, stops_at: Option<u32>) -> Result<Self, TransitionError> {
        match self.state {
            TrialState::Paused(_) => {
                self.stops_at = stops_at;
                self.state = TrialState::Waiting;
                Ok(self)
            }
            _ => Err(self.cannot_be("promoted")),
        }
    }

    /// The pruner stops it for good, after a report of its worker.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn pruned(
        self,
        token: &LeaseToken,
        epoch: u32,
        validation: f64,
    ) -> Result<Self, TransitionError> {
        self.with_lease(token, "pruned", |trial, lease| {
            trial.checkpoint = None;
            trial.state = TrialState::Pruned {
                epoch,
                validation,
                volunteer: lease.volunteer,
            };
        })
    }

    /// Its study ends without it.
    ///
    /// # Errors
    /// It has ended.
    pub fn cancelled(mut self) -> Result<Self, TransitionError> {
        if self.state.has_ended() {
            return Err(self.cannot_be("cancelled"));
        }
        self.checkpoint = None;
        self.state = TrialState::Cancelled;
        Ok(self)
    }

    /// An operator wants it once more from the beginning, wherever it stands, under `numerics` and to
    /// rest at `stops_at` first. Whoever was refused may try again.
    #[must_use]
    pub fn requeued(mut self, numerics: Numerics, stops_at: Option<u32>) -> Self {
        self.numerics = numerics;
        self.losses = 0;
        self.checkpoint = None;
        self.rungs = 0;
        self.stops_at = stops_at;
        self.refused.clear();
        self.state = TrialState::Waiting;
        self
    }

    /// The claim of a divergence was right.
    ///
    /// # Errors
    /// There is no claim of a divergence.
    pub fn diverged(mut self) -> Result<Self, TransitionError> {
        match self.state {
            TrialState::Checking(Pending {
                outcome: Outcome::Diverged { step },
                volunteer,
                ..
            }) => {
                self.checkpoint = None;
                self.state = TrialState::Diverged { step, volunteer };
                Ok(self)
            }
            _ => Err(self.cannot_be("diverged")),
        }
    }

    /// The claim was wrong: the trial goes back, without the checkpoints of whoever made it.
    ///
    /// # Errors
    /// There is no claim.
    pub fn rejected(mut self, policy: LeasePolicy, reason: &str) -> Result<Self, TransitionError> {
        match &self.state {
            TrialState::Checking(pending) => {
                let volunteer = pending.volunteer;
                let is_theirs = |checkpoint: &Checkpoint| checkpoint.lease == pending.lease;
                // Who reports a divergence that does not happen may have been led there by a bad
                // checkpoint.
                let is_divergence = matches!(pending.outcome, Outcome::Diverged { .. });
                if is_divergence || self.checkpoint.as_ref().is_some_and(is_theirs) {
                    self.checkpoint = None;
                }
                self.refused.push(volunteer);
                self.wait_or_fail(policy, reason);
                Ok(self)
            }
            _ => Err(self.cannot_be("rejected")),
        }
    }

    /// The trainer now computes by another numeric contract: what was trained so far can't be gone
    /// on from or checked. Nobody is to blame, so neither losses nor refusals change. It rests first
    /// at `stops_at`.
    ///
    /// # Errors
    /// It has ended.
    pub fn begun_anew(
        mut self,
        numerics: Numerics,
        stops_at: Option<u32>,
    ) -> Result<Self, TransitionError> {
        if self.state.has_ended() {
            return Err(self.cannot_be("begun anew"));
        }
        self.numerics = numerics;
        self.checkpoint = None;
        self.rungs = 0;
        self.stops_at = stops_at;
        self.state = TrialState::Waiting;
        Ok(self)
    }

    fn with_lease(
        mut self,
        token: &LeaseToken,
        event: &'static str,
        change: impl FnOnce(&mut Self, Lease),
    ) -> Result<Self, TransitionError> {
        match &self.state {
            TrialState::Running(lease) if lease.token == *token => {
                let lease = lease.clone();
                change(&mut self, lease);
                Ok(self)
            }
            _ => Err(self.cannot_be(event)),
        }
    }

    fn wait_or_fail(&mut self, policy: LeasePolicy, reason: &str) {
        self.losses += 1;
        self.state = if self.losses >= policy.max_attempts {
            let losses = self.losses;
            TrialState::Failed {
                reason: format!("{reason} (after {losses} attempts that came to nothing)"),
            }
        } else {
            TrialState::Waiting
        };
    }

    fn cannot_be(&self, event: &'static str) -> TransitionError {
        TransitionError {
            subject: "trial",
            from: self.state.name(),
            event,
        }
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
