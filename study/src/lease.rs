//! The right of one worker to work on one trial, until a deadline.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{LeaseToken, VolunteerId, WorkerId};

use crate::Timestamp;

/// How long leases last and how often a trial is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasePolicy {
    /// Silence after which a lease ends.
    pub lease_secs: u32,
    /// How long a lease outlives its socket, for the same worker to come back.
    pub grace_secs: u32,
    /// Leases that may come to nothing before a trial counts as failed.
    pub max_attempts: u32,
}

impl Default for LeasePolicy {
    fn default() -> Self {
        Self {
            lease_secs: 60,
            grace_secs: 10,
            max_attempts: 10,
        }
    }
}

/// To whom a lease goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// A token that was never used before.
    pub token: LeaseToken,
    /// Whose worker.
    pub volunteer: VolunteerId,
    /// Which worker.
    pub worker: WorkerId,
}

/// Whether the holder's socket is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    Connected,
    /// It closed; the worker may come back until the lease ends.
    Away,
}

/// A lease that has been granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Fences off everybody else.
    pub token: LeaseToken,
    /// Whose worker holds it.
    pub volunteer: VolunteerId,
    /// Which worker holds it.
    pub worker: WorkerId,
    /// When it was granted.
    pub granted: Timestamp,
    /// When it ends unless the worker is heard of.
    pub deadline: Timestamp,
    /// Whether the holder's socket is open.
    pub presence: Presence,
}

impl Lease {
    pub(crate) fn new(grant: Grant, policy: LeasePolicy, now: Timestamp) -> Self {
        Self {
            token: grant.token,
            volunteer: grant.volunteer,
            worker: grant.worker,
            granted: now,
            deadline: now.plus_secs(policy.lease_secs),
            presence: Presence::Connected,
        }
    }

    pub(crate) fn heard(mut self, policy: LeasePolicy, now: Timestamp) -> Self {
        self.deadline = now.plus_secs(policy.lease_secs);
        self.presence = Presence::Connected;
        self
    }

    pub(crate) fn left_alone(mut self, policy: LeasePolicy, now: Timestamp) -> Self {
        self.deadline = now.plus_secs(policy.grace_secs);
        self.presence = Presence::Away;
        self
    }
}
