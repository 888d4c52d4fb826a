//! A chunk's life: pictures of a labelling job that one worker labels together. It decides who may
//! have it, whose labels count, and what becomes of a liar's. What the labels say is not known here,
//! only their hashes.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{ChunkNumber, LeaseToken, Sha256, VolunteerId};

use crate::{Grant, Lease, LeasePolicy, Timestamp, TransitionError};

/// Labels that hold as far as they have been checked, and wait to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// Whose they are.
    pub volunteer: VolunteerId,
    /// The uploaded answers.
    pub answers_sha256: Sha256,
    /// Since when they wait.
    pub since: Timestamp,
}

/// Labels that have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The lease under which they were made.
    pub lease: LeaseToken,
    /// Whose they are.
    pub volunteer: VolunteerId,
    /// The uploaded answers.
    pub answers_sha256: Sha256,
    /// When they arrived.
    pub submitted: Timestamp,
}

/// Labels that are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Whose they are: of two where they were confirmed, of nobody where only the server's were right.
    pub volunteers: Vec<VolunteerId>,
    /// Whether somebody else, or the server, computed the same.
    pub is_confirmed: bool,
    /// When.
    pub settled: Timestamp,
}

/// Where a chunk stands, in the order of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChunkState {
    /// Nobody works on it.
    Waiting,
    /// One worker does.
    Running(Lease),
    /// Labels are being checked.
    Checking(Submitted),
    /// It is labelled.
    Done(Settled),
    /// It used up its attempts.
    Failed {
        /// What went wrong last.
        reason: String,
    },
    /// Its job was stopped first.
    Cancelled,
}

impl ChunkState {
    /// The state's name, as in JSON, SQL and on screen.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running(_) => "running",
            Self::Checking(_) => "checking",
            Self::Done(_) => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it by itself.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed { .. } | Self::Cancelled)
    }
}

/// Pictures on their way to their labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its place in the job.
    pub number: ChunkNumber,
    /// The first of its pictures in the job.
    pub first: u32,
    /// How many pictures it has.
    pub pictures: u32,
    /// Whether two must agree on it, whoever labels it first.
    pub wants_second: bool,
    /// Leases granted so far.
    pub attempts: u32,
    /// Leases that came to nothing.
    pub losses: u32,
    /// Labels that wait for somebody else to say the same.
    pub opinion: Option<Opinion>,
    /// Volunteers who lied in the job or could not label it; they don't get it again.
    pub refused: Vec<VolunteerId>,
    /// Where it stands.
    pub state: ChunkState,
}

/// What the server made of labels that it computed itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The chunk, labelled.
    pub chunk: Chunk,
    /// Whose labels were others.
    pub liars: Vec<VolunteerId>,
    /// Whose labels were the same.
    pub honest: Vec<VolunteerId>,
}

impl Chunk {
    /// A chunk that nobody has worked on.
    pub fn new(number: ChunkNumber, first: u32, pictures: u32, wants_second: bool) -> Self {
        Self {
            number,
            first,
            pictures,
            wants_second,
            attempts: 0,
            losses: 0,
            opinion: None,
            refused: Vec::new(),
            state: ChunkState::Waiting,
        }
    }

    /// The lease under which the chunk runs, if it does.
    pub fn current_lease(&self) -> Option<&Lease> {
        match &self.state {
            ChunkState::Running(lease) => Some(lease),
            _ => None,
        }
    }

    /// Whether `volunteer` may label it: not after a lie, and nobody confirms themselves.
    pub fn is_for(&self, volunteer: VolunteerId) -> bool {
        let has_spoken = |opinion: &Opinion| opinion.volunteer == volunteer;
        !self.refused.contains(&volunteer) && !self.opinion.as_ref().is_some_and(has_spoken)
    }

    /// Whether the labels at hand say something else than those that wait to be confirmed.
    pub fn is_disputed(&self) -> bool {
        match (&self.opinion, &self.state) {
            (Some(opinion), ChunkState::Checking(submitted)) => {
                opinion.answers_sha256 != submitted.answers_sha256
            }
            _ => false,
        }
    }

    /// Hands the chunk to a worker.
    ///
    /// # Errors
    /// It is not waiting, or not for this volunteer.
    pub fn lease(
        mut self,
        grant: Grant,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        match self.state {
            ChunkState::Waiting if self.is_for(grant.volunteer) => {
                self.attempts += 1;
                self.state = ChunkState::Running(Lease::new(grant, policy, now));
                Ok(self)
            }
            _ => Err(self.cannot_be("leased")),
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
        self.with_lease(token, "continued", |chunk, lease| {
            chunk.state = ChunkState::Running(lease.heard(policy, now));
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
        self.with_lease(token, "left alone", |chunk, lease| {
            chunk.state = ChunkState::Running(lease.left_alone(policy, now));
        })
    }

    /// The holder gives the chunk back because it was told to stop.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn released(self, token: &LeaseToken) -> Result<Self, TransitionError> {
        self.with_lease(token, "released", |chunk, _| {
            chunk.state = ChunkState::Waiting;
        })
    }

    /// The holder could not label it, and does not get it again.
    ///
    /// # Errors
    /// The token is not that of the lease.
    pub fn given_up(
        self,
        token: &LeaseToken,
        policy: LeasePolicy,
    ) -> Result<Self, TransitionError> {
        self.with_lease(token, "given up", |chunk, lease| {
            chunk.refuse(lease.volunteer);
            chunk.wait_or_fail(policy, "its workers could not label it");
        })
    }

    /// The deadline has passed: the chunk is free again, or failed when its attempts are used up.
    ///
    /// # Errors
    /// It does not run, or its deadline is still ahead.
    pub fn expired(mut self, policy: LeasePolicy, now: Timestamp) -> Result<Self, TransitionError> {
        match &self.state {
            ChunkState::Running(lease) if lease.deadline <= now => {
                self.wait_or_fail(policy, "its workers went away");
                Ok(self)
            }
            _ => Err(self.cannot_be("expired")),
        }
    }

    /// Labels have arrived. Right for the holder of the lease, and for the holder of an earlier lease
    /// of this chunk while nobody else has one: the caller vouches that the lease was granted for this
    /// chunk to that volunteer.
    ///
    /// # Errors
    /// Another lease runs, other labels are being checked, the chunk has ended, or it is not for this
    /// volunteer.
    pub fn submitted(mut self, submitted: Submitted) -> Result<Self, TransitionError> {
        match &self.state {
            ChunkState::Running(lease) if lease.token == submitted.lease => {}
            ChunkState::Waiting if self.is_for(submitted.volunteer) => {}
            _ => return Err(self.cannot_be("claimed")),
        }
        self.state = ChunkState::Checking(submitted);
        Ok(self)
    }

    /// The labels hold where the server knows them. They are taken when somebody else said the same,
    /// or when one voice is enough: of a volunteer with `is_proven`, where no second is wanted.
    ///
    /// # Errors
    /// None are being checked, or somebody else said something else: then the server must judge.
    pub fn held(mut self, is_proven: bool, now: Timestamp) -> Result<Self, TransitionError> {
        if self.is_disputed() {
            return Err(self.cannot_be("taken while it is disputed"));
        }
        let ChunkState::Checking(submitted) = self.state.clone() else {
            return Err(self.cannot_be("taken"));
        };
        self.state = match self.opinion.take() {
            Some(first) => ChunkState::Done(Settled {
                volunteers: vec![first.volunteer, submitted.volunteer],
                is_confirmed: true,
                settled: now,
            }),
            None if is_proven && !self.wants_second => ChunkState::Done(Settled {
                volunteers: vec![submitted.volunteer],
                is_confirmed: false,
                settled: now,
            }),
            None => {
                self.opinion = Some(Opinion {
                    volunteer: submitted.volunteer,
                    answers_sha256: submitted.answers_sha256,
                    since: now,
                });
                ChunkState::Waiting
            }
        };
        Ok(self)
    }

    /// The server has labelled the chunk itself, and found `answers_sha256`.
    ///
    /// # Errors
    /// There is nothing to judge.
    pub fn judged(
        mut self,
        answers_sha256: &Sha256,
        now: Timestamp,
    ) -> Result<Judged, TransitionError> {
        let mut voices: Vec<_> = self.opinion.iter().map(Opinion::voice).collect();
        match &self.state {
            ChunkState::Checking(submitted) => {
                voices.push((submitted.volunteer, submitted.answers_sha256.clone()));
            }
            ChunkState::Waiting if !voices.is_empty() => {}
            _ => return Err(self.cannot_be("judged")),
        }
        let (honest, liars): (Vec<_>, Vec<_>) = voices
            .into_iter()
            .partition(|(_, answers)| answers == answers_sha256);
        let names = |voices: Vec<(VolunteerId, _)>| voices.into_iter().map(|(name, _)| name);
        let (honest, liars): (Vec<_>, Vec<_>) = (names(honest).collect(), names(liars).collect());
        self.opinion = None;
        liars.iter().for_each(|liar| self.refuse(*liar));
        self.state = ChunkState::Done(Settled {
            volunteers: honest.clone(),
            is_confirmed: true,
            settled: now,
        });
        Ok(Judged {
            chunk: self,
            liars,
            honest,
        })
    }

    /// The labels were wrong: the chunk goes back, and not to whoever made them.
    ///
    /// # Errors
    /// None are being checked.
    pub fn rejected(mut self, policy: LeasePolicy, reason: &str) -> Result<Self, TransitionError> {
        let ChunkState::Checking(submitted) = &self.state else {
            return Err(self.cannot_be("rejected"));
        };
        let volunteer = submitted.volunteer;
        self.refuse(volunteer);
        self.wait_or_fail(policy, reason);
        Ok(self)
    }

    /// `volunteer` has lied elsewhere in the job: what rests on their word alone is labelled again, and
    /// not by them. Nothing changes in a chunk that is confirmed, or over.
    #[must_use]
    pub fn without(mut self, volunteer: VolunteerId) -> Self {
        let is_theirs = match &self.state {
            ChunkState::Waiting => false,
            ChunkState::Running(lease) => lease.volunteer == volunteer,
            ChunkState::Checking(submitted) => submitted.volunteer == volunteer,
            ChunkState::Done(settled) => {
                !settled.is_confirmed && settled.volunteers.contains(&volunteer)
            }
            ChunkState::Failed { .. } | ChunkState::Cancelled => return self,
        };
        if matches!(self.state, ChunkState::Done(_)) && !is_theirs {
            return self;
        }
        if is_theirs {
            self.state = ChunkState::Waiting;
        }
        self.opinion
            .take_if(|opinion| opinion.volunteer == volunteer);
        self.refuse(volunteer);
        self
    }

    /// The job ends without it.
    ///
    /// # Errors
    /// It has ended.
    pub fn cancelled(mut self) -> Result<Self, TransitionError> {
        if self.state.has_ended() {
            return Err(self.cannot_be("cancelled"));
        }
        self.opinion = None;
        self.state = ChunkState::Cancelled;
        Ok(self)
    }

    /// Answers are now computed by another numeric contract: those that are not settled can't be
    /// compared with new ones, and nobody is to blame.
    ///
    /// # Errors
    /// It has ended.
    pub fn begun_anew(mut self) -> Result<Self, TransitionError> {
        if self.state.has_ended() {
            return Err(self.cannot_be("begun anew"));
        }
        self.opinion = None;
        self.state = ChunkState::Waiting;
        Ok(self)
    }

    fn with_lease(
        mut self,
        token: &LeaseToken,
        event: &'static str,
        change: impl FnOnce(&mut Self, Lease),
    ) -> Result<Self, TransitionError> {
        match &self.state {
            ChunkState::Running(lease) if lease.token == *token => {
                let lease = lease.clone();
                change(&mut self, lease);
                Ok(self)
            }
            _ => Err(self.cannot_be(event)),
        }
    }

    fn refuse(&mut self, volunteer: VolunteerId) {
        if !self.refused.contains(&volunteer) {
            self.refused.push(volunteer);
        }
    }

    fn wait_or_fail(&mut self, policy: LeasePolicy, reason: &str) {
        self.losses += 1;
        self.state = if self.losses >= policy.max_attempts {
            let losses = self.losses;
            ChunkState::Failed {
                reason: format!("{reason} (after {losses} attempts that came to nothing)"),
            }
        } else {
            ChunkState::Waiting
        };
    }

    fn cannot_be(&self, event: &'static str) -> TransitionError {
        TransitionError {
            subject: "chunk",
            from: self.state.name(),
            event,
        }
    }
}

impl Opinion {
    fn voice(&self) -> (VolunteerId, Sha256) {
        (self.volunteer, self.answers_sha256.clone())
    }
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
