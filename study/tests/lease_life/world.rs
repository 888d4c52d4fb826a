//! Workers, the network between them and the store, and everything that goes wrong there. What
//! happens is read from numbers, so that a history that breaks something can be made smaller.

use tabsweep_protocol::{
    Finished, LeaseToken, Outcome, Paused, Sha256, TrialNumber, VolunteerId, WorkerId,
};
use tabsweep_study::{
    Asha, Checkpoint, Hyperband, Median, Objective, Pruner, Timestamp, TrialState,
};

use crate::store::{BUDGET, ClaimRef, EPOCHS, POLICY, Store};

const WORKERS: usize = 4;
/// The worker whose claims are wrong.
const LIAR: VolunteerId = VolunteerId(2);

/// What a worker believes it holds.
#[derive(Clone, Debug)]
struct Held {
    token: LeaseToken,
    trial: TrialNumber,
    epoch: u32,
    stops_at: Option<u32>,
}

#[derive(Clone, Debug)]
struct Worker {
    volunteer: VolunteerId,
    held: Option<Held>,
}

/// A message on its way, which may arrive late, twice, or never.
#[derive(Clone, Debug)]
struct Message {
    token: LeaseToken,
    volunteer: VolunteerId,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Progress,
    SocketClosed,
    Epoch(u32),
    Checkpoint(u64),
    Released { has_failed: bool },
    Claim(Outcome),
}

pub struct World {
    pub store: Store,
    workers: Vec<Worker>,
    messages: Vec<Message>,
    claims: Vec<ClaimRef>,
    tokens: u32,
}

fn hash(number: u64) -> Sha256 {
    format!("{number:064x}").parse().expect("a hash")
}

fn worker_id(number: usize) -> WorkerId {
    format!("{number:016x}").parse().expect("a worker's name")
}

/// Whether the setting's loss leaves the numbers.
fn diverges(trial: TrialNumber) -> bool {
    trial.0 == 3
}

impl World {
    pub fn new(choice: u32) -> Self {
        let asha = Asha::new(1, 2).expect("a pruner");
        let pruner = match choice % 4 {
            0 => Pruner::None,
            1 => Pruner::Median(Median {
                startup_trials: 1,
                warmup_epochs: 0,
            }),
            2 => Pruner::Asha(asha),
            _ => Pruner::Hyperband(Hyperband::new(asha, EPOCHS).expect("a pruner")),
        };
        let objective = if choice & 4 == 0 {
            Objective::ValidationAccuracy
        } else {
            Objective::ValidationError
        };
        // Two workers of one volunteer, and two of others.
        let volunteers = [0, 0, 1, LIAR.0].map(VolunteerId);
        let worker = |volunteer| Worker {
            volunteer,
            held: None,
        };
        Self {
            store: Store::new(pruner, objective),
            workers: volunteers.map(worker).to_vec(),
            messages: Vec::new(),
            claims: Vec::new(),
            tokens: 0,
        }
    }

    /// One thing happens.
    pub fn step(&mut self, word: u32) {
        let (kind, which, rest) = (word % 64, (word >> 6) as usize, word >> 16);
        let worker = which % WORKERS;
        let trial = TrialNumber(rest % BUDGET);
        match kind {
            0..=8 => self.ask_for_work(worker),
            9..=19 => self.train(worker),
            20..=21 => self.send(worker, Body::Progress),
            22..=23 => self.send(worker, Body::SocketClosed),
            24 => self.workers[worker].held = None,
            25 => self.give_back(worker, rest.is_multiple_of(2)),
            26..=36 => self.deliver(which, false),
            37..=39 => self.deliver(which, true),
            40 => self.lose_message(which),
            41 => self.forge(which, rest),
            42..=46 => self.store.expire(),
            47..=50 => self.pass(i64::from(rest % 70)),
            51 => self.pass(3_600),
            52 => self.pass(-3_600),
            53..=59 => self.decide(which, rest.is_multiple_of(8)),
            60 => self.store.restart(),
            61 => self.store.requeue(trial),
            62 => match rest % 4 {
                0 => self.store.renew_numerics(),
                1 => self.store.cancel(trial),
                _ => {}
            },
            _ => self.claim_early(worker),
        }
    }

    fn pass(&mut self, secs: i64) {
        self.store.now = Timestamp(self.store.now.0 + secs * 1_000);
    }

    fn token(&mut self) -> LeaseToken {
        self.tokens += 1;
        format!("{:032x}", self.tokens).parse().expect("a token")
    }

    fn ask_for_work(&mut self, worker: usize) {
        if self.workers[worker].held.is_some() {
            return;
        }
        let token = self.token();
        let volunteer = self.workers[worker].volunteer;
        let leased = self
            .store
            .lease_next(token.clone(), volunteer, worker_id(worker));
        self.workers[worker].held = leased.map(|trial| Held {
            token,
            trial: trial.number,
            epoch: trial
                .checkpoint
                .map_or(0, |checkpoint| checkpoint.step as u32),
            stops_at: trial.stops_at,
        });
    }

    fn send(&mut self, worker: usize, body: Body) {
        let Worker { volunteer, held } = &self.workers[worker];
        if let Some(held) = held {
            self.messages.push(Message {
                token: held.token.clone(),
                volunteer: *volunteer,
                body,
            });
        }
    }

    /// An epoch, with what is said of it; at the rung or at the end a claim, after which the worker
    /// is free.
    fn train(&mut self, worker: usize) {
        let Some(held) = &mut self.workers[worker].held else {
            return;
        };
        // A checkpoint may be of the very epoch that was to be claimed.
        if held.epoch < EPOCHS && Some(held.epoch) != held.stops_at {
            held.epoch += 1;
        }
        let (epoch, held) = (held.epoch, held.clone());
        if diverges(held.trial) && epoch >= 2 {
            self.send(worker, Body::Claim(Outcome::Diverged { step: 2 }));
            self.workers[worker].held = None;
            return;
        }
        self.send(worker, Body::Epoch(epoch));
        self.send(worker, Body::Checkpoint(u64::from(epoch)));
        if epoch == EPOCHS || Some(epoch) == held.stops_at {
            self.send(worker, Body::Claim(outcome(epoch)));
            self.workers[worker].held = None;
        }
    }

    fn give_back(&mut self, worker: usize, has_failed: bool) {
        self.send(worker, Body::Released { has_failed });
        self.workers[worker].held = None;
    }

    /// A claim of a rung that it was not to rest at, or of an end that it has not come to.
    fn claim_early(&mut self, worker: usize) {
        let Some(held) = self.workers[worker].held.clone() else {
            return;
        };
        self.send(worker, Body::Claim(outcome(held.epoch.max(1))));
    }

    fn deliver(&mut self, which: usize, again: bool) {
        if self.messages.is_empty() {
            return;
        }
        let index = which % self.messages.len();
        let message = if again {
            self.messages[index].clone()
        } else {
            self.messages.remove(index)
        };
        self.arrived(message);
    }

    fn lose_message(&mut self, which: usize) {
        if !self.messages.is_empty() {
            let index = which % self.messages.len();
            self.messages.remove(index);
        }
    }

    /// Somebody uses another's token, or one that never was.
    fn forge(&mut self, which: usize, rest: u32) {
        let Some(message) = self.messages.get(which % self.messages.len().max(1)) else {
            return;
        };
        let mut message = message.clone();
        if rest.is_multiple_of(2) {
            message.volunteer = VolunteerId(99);
        } else {
            message.token = "f".repeat(32).parse().expect("a token");
        }
        let before = self.store.trials.clone();
        self.arrived(message);
        assert!(
            before == self.store.trials,
            "a forged message changed something"
        );
    }

    fn arrived(&mut self, message: Message) {
        let Message {
            token,
            volunteer,
            body,
        } = message;
        let store = &mut self.store;
        match body {
            Body::Progress => store.heard(&token, volunteer),
            Body::SocketClosed => store.left_alone(&token, volunteer),
            Body::Epoch(epoch) => store.epoch_ended(&token, volunteer, epoch),
            Body::Checkpoint(step) => {
                let checkpoint = Checkpoint {
                    step,
                    sha256: hash(step),
                    lease: token,
                };
                store.checkpointed(checkpoint, volunteer);
            }
            Body::Released { has_failed } => store.released(&token, volunteer, has_failed),
            Body::Claim(outcome) => {
                let claim = store.claimed(&token, volunteer, &outcome);
                self.claims.extend(claim);
            }
        }
    }

    /// A verdict falls, perhaps once more. The liar's claims are wrong, and some of others'.
    fn decide(&mut self, which: usize, is_unlucky: bool) {
        let Some(claim) = self.claims.get(which % self.claims.len().max(1)).cloned() else {
            return;
        };
        let is_liar = self.store.leases[&claim.lease].volunteer == LIAR;
        self.store.decide(&claim, !is_liar && !is_unlucky);
    }

    /// With patience and one honest worker that nobody has refused, every trial ends or rests. All
    /// else stays as bad as it is: clocks may have been set back, messages are lost.
    pub fn settle(mut self) -> Store {
        self.messages.clear();
        self.workers.truncate(1);
        // Far enough for any deadline that a clock which was set back has left in the future.
        let deadlines = self
            .store
            .trials
            .values()
            .filter_map(|trial| trial.current_lease());
        if let Some(latest) = deadlines.map(|lease| lease.deadline).max() {
            self.store.now = self.store.now.max(latest);
        }
        self.store.expire();
        for claim in self.claims.split_off(0) {
            self.store.decide(&claim, true);
        }
        // Volunteers may have been refused before; this one is new.
        self.workers[0] = Worker {
            volunteer: VolunteerId(1_000),
            held: None,
        };
        let most = (BUDGET + 1) * (EPOCHS + 1) * 2;
        for _ in 0..most {
            self.ask_for_work(0);
            while self.workers[0].held.is_some() {
                self.train(0);
                self.messages
                    .split_off(0)
                    .into_iter()
                    .for_each(|message| self.arrived(message));
                self.claims
                    .split_off(0)
                    .iter()
                    .for_each(|claim| self.store.decide(claim, true));
            }
        }
        for trial in self.store.trials.values() {
            let is_at_rest = matches!(trial.state, TrialState::Paused(_));
            assert!(is_at_rest || trial.state.has_ended(), "lost: {trial:?}");
        }
        assert_eq!(self.store.trials.len(), BUDGET as usize);
        self.store.check_replay();
        self.store
    }
}

fn outcome(epoch: u32) -> Outcome {
    if epoch == EPOCHS {
        return Outcome::Finished(Finished {
            weights_sha256: hash(1),
            validation_correct: 9,
            validation_count: 10,
        });
    }
    Outcome::Paused(Paused {
        epoch,
        step: u64::from(epoch),
        state_sha256: hash(2),
        validation_correct: 9,
        validation_count: 10,
    })
}

const _: () = assert!(POLICY.grace_secs < POLICY.lease_secs);
