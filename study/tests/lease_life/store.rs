//! A store as the server's, in memory: it fences by token, volunteer and numeric contract, folds what
//! happens to trials into a timeline, and lets the trials' own transitions decide the rest. At every
//! change it checks what must hold.

use std::collections::{BTreeMap, BTreeSet};

use tabsweep_protocol::{LeaseToken, Numerics, Outcome, Seed, TrialNumber, VolunteerId, WorkerId};
use tabsweep_study::{
    Checkpoint, Event, EventKind, Grant, LeasePolicy, Objective, Pending, Pruner, Scores, Timeline,
    Timestamp, TransitionError, Trial, TrialState,
};

pub const POLICY: LeasePolicy = LeasePolicy {
    lease_secs: 60,
    grace_secs: 10,
    max_attempts: 3,
};
/// Settings that are tried.
pub const BUDGET: u32 = 4;
/// Epochs of a whole training.
pub const EPOCHS: u32 = 4;

/// A lease in the history.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub trial: TrialNumber,
    pub volunteer: VolunteerId,
    numerics: Numerics,
}

/// Which claim a verdict is of.
#[derive(Clone, Debug)]
pub struct ClaimRef {
    pub trial: TrialNumber,
    pub lease: LeaseToken,
}

/// What may end or replace a claim that has been acknowledged.
#[derive(Clone, Debug)]
enum By<'a> {
    /// A message with this token.
    Token(&'a LeaseToken),
    /// The clock.
    Expiry,
    /// A lease is granted.
    Grant,
    /// The verdict on this claim.
    Verdict(&'a LeaseToken),
    /// An operator, or a new numeric contract.
    Operator,
}

/// How often what is worth testing has come about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub leased: u64,
    pub verified: u64,
    pub promoted: u64,
    pub pruned: u64,
    pub expired: u64,
    pub rejected: u64,
    pub requeued: u64,
    pub late_claims: u64,
    pub refused_messages: u64,
}

impl Tally {
    pub fn counts(self) -> [(&'static str, u64); 9] {
        [
            ("leased", self.leased),
            ("verified", self.verified),
            ("promoted", self.promoted),
            ("pruned", self.pruned),
            ("expired", self.expired),
            ("rejected", self.rejected),
            ("requeued", self.requeued),
            ("late claims", self.late_claims),
            ("refused messages", self.refused_messages),
        ]
    }

    pub fn add(&mut self, other: Self) {
        self.leased += other.leased;
        self.verified += other.verified;
        self.promoted += other.promoted;
        self.pruned += other.pruned;
        self.expired += other.expired;
        self.rejected += other.rejected;
        self.requeued += other.requeued;
        self.late_claims += other.late_claims;
        self.refused_messages += other.refused_messages;
    }
}

pub struct Store {
    pub now: Timestamp,
    pub trials: BTreeMap<TrialNumber, Trial>,
    pub leases: BTreeMap<LeaseToken, Record>,
    pub tally: Tally,
    pruner: Pruner,
    objective: Objective,
    numerics: Numerics,
    timeline: Timeline,
    events: Vec<Event>,
    /// Ends since a trial was last begun from the start.
    ends: BTreeMap<TrialNumber, u32>,
}

/// How well the setting of a trial does after `epoch`; the same for whoever trains it.
pub fn accuracy(trial: TrialNumber, epoch: u32) -> f64 {
    f64::from((trial.0 * 7 + 3) % 5 + epoch) / 10.0
}

impl Store {
    pub fn new(pruner: Pruner, objective: Objective) -> Self {
        Self {
            now: Timestamp(1_000_000_000),
            trials: BTreeMap::new(),
            leases: BTreeMap::new(),
            tally: Tally::default(),
            pruner,
            objective,
            numerics: Numerics(1),
            timeline: Timeline::new(objective),
            events: Vec::new(),
            ends: BTreeMap::new(),
        }
    }

    fn record(&mut self, number: TrialNumber, kind: EventKind) {
        let event = Event { number, kind };
        self.timeline.fold(event.clone());
        self.events.push(event);
    }

    /// The one place where a trial changes.
    fn save(&mut self, after: Trial, by: By) {
        let number = after.number;
        let before = self.trials.get(&number);
        if let Some(before) = before
            && *before != after
        {
            self.check_change(before, &after, &by);
        }
        let event = Event::between(before, &after, self.objective);
        if let Some(event) = event {
            self.timeline.fold(event.clone());
            self.events.push(event);
        }
        self.trials.insert(number, after);
        self.check_timeline();
    }

    fn check_change(&self, before: &Trial, after: &Trial, by: &By) {
        let is_operator = matches!(by, By::Operator);
        assert!(
            !before.state.has_ended() || is_operator,
            "an end was changed by {by:?}: {before:?}"
        );
        match &before.state {
            TrialState::Checking(pending) if before.state != after.state => {
                let is_its_verdict = matches!(by, By::Verdict(lease) if **lease == pending.lease);
                assert!(is_its_verdict || is_operator, "{by:?} lost {pending:?}");
            }
            TrialState::Running(lease) if !is_operator => {
                let is_its_own = match by {
                    By::Token(token) => **token == lease.token,
                    By::Expiry => lease.deadline <= self.now,
                    By::Grant | By::Verdict(_) | By::Operator => false,
                };
                assert!(is_its_own, "{by:?} changed {before:?}");
            }
            TrialState::Waiting if !is_operator => {
                let is_claimed = matches!(&after.state, TrialState::Checking(_));
                let may = match by {
                    By::Token(_) => is_claimed,
                    By::Grant => true,
                    By::Expiry | By::Verdict(_) | By::Operator => false,
                };
                assert!(may, "{by:?} changed {before:?}");
            }
            TrialState::Paused(_) => assert!(
                matches!(by, By::Grant | By::Operator),
                "{by:?} changed {before:?}"
            ),
            _ => {}
        }
        assert!(after.losses <= POLICY.max_attempts);
        assert!(after.attempts >= before.attempts);
    }

    /// What is folded from events agrees with where the trials stand.
    fn check_timeline(&self) {
        let timeline = &self.timeline;
        let history = timeline.history();
        assert_eq!(timeline.suggested() as usize, self.trials.len());
        let mut verified = 0;
        let mut paused = BTreeSet::new();
        for trial in self.trials.values() {
            let number = trial.number;
            let (score, is_running) = match &trial.state {
                TrialState::Verified(end) => {
                    verified += 1;
                    (Some(self.objective.of(end.scores)), false)
                }
                TrialState::Diverged { .. } => (Some(self.objective.worst()), false),
                TrialState::Pruned { validation, .. } => {
                    (Some(self.objective.score(*validation)), false)
                }
                state => {
                    if matches!(state, TrialState::Paused(_)) {
                        paused.insert(number);
                    }
                    let rung = trial.rungs.checked_sub(1);
                    let epoch = rung.and_then(|rung| self.pruner.stops_at(number, rung));
                    let score = epoch.map(|epoch| self.objective.score(accuracy(number, epoch)));
                    (score, score.is_none() && !state.has_ended())
                }
            };
            let mut found = history.finished.iter().filter(|one| one.number == number);
            assert_eq!(found.next().map(|one| one.score), score, "{trial:?}");
            assert_eq!(found.next(), None, "counted twice");
            assert_eq!(
                history.running.contains_key(&number),
                is_running,
                "{trial:?}"
            );
            let rungs = timeline.brackets().values().flatten();
            let reached = rungs.filter(|(_, rung)| rung.has_reached(number));
            assert_eq!(reached.count(), trial.rungs as usize, "{trial:?}");
        }
        assert_eq!(timeline.verified(), verified);
        let rungs = timeline.brackets().values().flatten();
        let at_rest: Vec<TrialNumber> = rungs.flat_map(|(_, rung)| rung.paused()).collect();
        assert_eq!(at_rest.len(), paused.len());
        assert_eq!(BTreeSet::from_iter(at_rest), paused);
    }

    /// A server that starts anew knows what the one before knew.
    pub fn check_replay(&self) {
        let mut replayed = Timeline::new(self.objective);
        self.events
            .iter()
            .for_each(|event| replayed.fold(event.clone()));
        assert!(replayed == self.timeline);
    }

    /// Grants the next lease, if there is work for the volunteer.
    pub fn lease_next(
        &mut self,
        token: LeaseToken,
        volunteer: VolunteerId,
        worker: WorkerId,
    ) -> Option<Trial> {
        let trial = self.next_trial(volunteer)?;
        let number = trial.number;
        assert!(!self.leases.contains_key(&token));
        let grant = Grant {
            token: token.clone(),
            volunteer,
            worker,
        };
        let leased = trial.lease(grant, POLICY, self.now);
        let leased = leased.expect("it was chosen because it waits for this volunteer");
        self.save(leased.clone(), By::Grant);
        let record = Record {
            trial: number,
            volunteer,
            numerics: leased.numerics,
        };
        self.leases.insert(token, record);
        self.tally.leased += 1;
        Some(leased)
    }

    fn next_trial(&mut self, volunteer: VolunteerId) -> Option<Trial> {
        let is_for_them = |trial: &&Trial| {
            trial.state == TrialState::Waiting && !trial.refused.contains(&volunteer)
        };
        if let Some(trial) = self.trials.values().find(is_for_them) {
            return Some(trial.clone());
        }
        if let Some(number) = self.pruner.promotable(&self.timeline) {
            let resting = self.trials[&number].clone();
            let stops_at = self.pruner.stops_at(number, resting.rungs);
            let promoted = resting.promoted(stops_at);
            let promoted = promoted.expect("what is promotable rests");
            self.save(promoted.clone(), By::Grant);
            self.tally.promoted += 1;
            return (!promoted.refused.contains(&volunteer)).then_some(promoted);
        }
        let number = TrialNumber(self.timeline.suggested());
        if number.0 >= BUDGET {
            return None;
        }
        let mut trial = Trial::new(number, [].into(), Seed(1), self.numerics);
        trial.stops_at = self.pruner.stops_at(number, 0);
        self.save(trial.clone(), By::Grant);
        Some(trial)
    }

    /// The trial of the sender's lease; nothing where the sender is somebody else or of yesterday.
    fn fenced(&self, token: &LeaseToken, volunteer: VolunteerId) -> Option<Trial> {
        let record = self.leases.get(token)?;
        let trial = self.trials[&record.trial].clone();
        (record.volunteer == volunteer && record.numerics == trial.numerics).then_some(trial)
    }

    fn by_token(
        &mut self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        change: impl FnOnce(Trial, Timestamp) -> Result<Trial, TransitionError>,
    ) -> Option<Trial> {
        let now = self.now;
        let changed = self
            .fenced(token, volunteer)
            .and_then(|trial| change(trial, now).ok());
        match &changed {
            Some(trial) => self.save(trial.clone(), By::Token(token)),
            None => self.tally.refused_messages += 1,
        }
        changed
    }

    pub fn heard(&mut self, token: &LeaseToken, volunteer: VolunteerId) {
        self.by_token(token, volunteer, |trial, now| {
            trial.heard(token, POLICY, now)
        });
    }

    pub fn left_alone(&mut self, token: &LeaseToken, volunteer: VolunteerId) {
        let leave = |trial: Trial, now| trial.left_alone(token, POLICY, now);
        self.by_token(token, volunteer, leave);
    }

    pub fn checkpointed(&mut self, checkpoint: Checkpoint, volunteer: VolunteerId) {
        let token = checkpoint.lease.clone();
        self.by_token(&token, volunteer, |trial, now| {
            trial.heard(&token, POLICY, now)?.checkpointed(checkpoint)
        });
    }

    pub fn released(&mut self, token: &LeaseToken, volunteer: VolunteerId, has_failed: bool) {
        self.by_token(token, volunteer, |trial, _| {
            if has_failed {
                trial.given_up(token, POLICY)
            } else {
                trial.released(token)
            }
        });
    }

    pub fn epoch_ended(&mut self, token: &LeaseToken, volunteer: VolunteerId, epoch: u32) {
        let heard = self.by_token(token, volunteer, |trial, now| {
            trial.heard(token, POLICY, now)
        });
        let Some(trial) = heard.filter(|_| self.pruner.reads_reports()) else {
            return;
        };
        let validation = accuracy(trial.number, epoch);
        let score = self.objective.score(validation);
        self.record(trial.number, EventKind::Reported { epoch, score });
        if self.pruner.stops(&self.timeline, trial.number, epoch) {
            let pruned = trial.pruned(token, epoch, validation);
            self.save(
                pruned.expect("its lease was just heard of"),
                By::Token(token),
            );
            self.tally.pruned += 1;
            self.count_end(TrialNumber(self.leases[token].trial.0));
        }
    }

    /// Whether the claim is acknowledged, and so not to be lost.
    pub fn claimed(
        &mut self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        outcome: &Outcome,
    ) -> Option<ClaimRef> {
        let record = self.leases.get(token).copied()?;
        let was_waiting = self.trials[&record.trial].state == TrialState::Waiting;
        let claimed = self.by_token(token, volunteer, |trial, now| {
            trial.claimed(Pending {
                lease: token.clone(),
                volunteer,
                claimed: now,
                outcome: outcome.clone(),
            })
        })?;
        self.tally.late_claims += u64::from(was_waiting);
        Some(ClaimRef {
            trial: claimed.number,
            lease: token.clone(),
        })
    }

    /// The verdict on a claim that may have been decided, or taken back, before.
    pub fn decide(&mut self, claim: &ClaimRef, is_right: bool) {
        let trial = self.trials[&claim.trial].clone();
        let TrialState::Checking(pending) = &trial.state else {
            return;
        };
        if pending.lease != claim.lease {
            return;
        }
        let (number, now) = (trial.number, self.now);
        let decided = match pending.outcome.clone() {
            _ if !is_right => trial.rejected(POLICY, "wrong"),
            Outcome::Finished(_) => {
                let validation = accuracy(number, EPOCHS);
                let test = 0.5;
                trial.verified(Scores { validation, test }, now)
            }
            Outcome::Paused(paused) => trial.paused(accuracy(number, paused.epoch), now),
            Outcome::Diverged { .. } => trial.diverged(),
        };
        let decided = decided.expect("the claim is the one that was checked");
        let (has_ended, is_verified) = (
            decided.state.has_ended(),
            matches!(decided.state, TrialState::Verified(_)),
        );
        self.save(decided, By::Verdict(&claim.lease));
        self.tally.rejected += u64::from(!is_right);
        self.tally.verified += u64::from(is_verified);
        if has_ended {
            self.count_end(number);
        }
    }

    fn count_end(&mut self, number: TrialNumber) {
        let ends = self.ends.entry(number).or_default();
        *ends += 1;
        assert_eq!(*ends, 1, "trial {number:?} ended twice");
    }

    pub fn expire(&mut self) {
        for trial in self.trials.clone().into_values() {
            let number = trial.number;
            if let Ok(expired) = trial.expired(POLICY, self.now) {
                let has_ended = expired.state.has_ended();
                self.save(expired, By::Expiry);
                self.tally.expired += 1;
                if has_ended {
                    self.count_end(number);
                }
            }
        }
    }

    /// The server was killed and starts: all sockets are gone.
    pub fn restart(&mut self) {
        self.check_replay();
        for trial in self.trials.clone().into_values() {
            if let Some(token) = trial.current_lease().map(|lease| lease.token.clone()) {
                let left = trial.left_alone(&token, POLICY, self.now);
                let left = left.expect("the lease is its own");
                self.save(left, By::Token(&token));
            }
        }
    }

    pub fn requeue(&mut self, number: TrialNumber) {
        let Some(trial) = self.trials.get(&number).cloned() else {
            return;
        };
        let stops_at = self.pruner.stops_at(number, 0);
        let numerics = trial.numerics;
        self.save(trial.requeued(numerics, stops_at), By::Operator);
        self.tally.requeued += 1;
        self.ends.remove(&number);
    }

    pub fn cancel(&mut self, number: TrialNumber) {
        let trial = self.trials.get(&number).cloned();
        if let Some(Ok(cancelled)) = trial.map(Trial::cancelled) {
            self.save(cancelled, By::Operator);
            self.count_end(number);
        }
    }

    /// A build of the trainer that computes otherwise.
    pub fn renew_numerics(&mut self) {
        self.numerics = Numerics(self.numerics.0 + 1);
        for trial in self.trials.clone().into_values() {
            let stops_at = self.pruner.stops_at(trial.number, 0);
            if let Ok(anew) = trial.begun_anew(self.numerics, stops_at) {
                self.save(anew, By::Operator);
            }
        }
    }
}
