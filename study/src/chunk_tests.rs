//! Histories of a job's chunks: workers that come and go, messages that come late, and a liar. What
//! must hold is checked after every change.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tabsweep_protocol::WorkerId;

use super::*;

const POLICY: LeasePolicy = LeasePolicy {
    lease_secs: 60,
    grace_secs: 10,
    max_attempts: 1_000,
};
const CHUNKS: u32 = 4;
const VOLUNTEERS: u32 = 4;
/// Whose labels are wrong.
const LIAR: VolunteerId = VolunteerId(2);

fn hash(number: u32) -> Sha256 {
    format!("{number:064x}").parse().unwrap()
}

/// What an honest worker answers.
fn truth(chunk: ChunkNumber) -> Sha256 {
    hash(chunk.0)
}

struct World {
    chunks: Vec<Chunk>,
    /// Every lease ever granted.
    leases: Vec<(LeaseToken, ChunkNumber, VolunteerId)>,
    /// The labels that were taken for each chunk.
    taken: BTreeMap<ChunkNumber, Sha256>,
    is_caught: bool,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let chunk = |number| Chunk::new(ChunkNumber(number), number * 5, 5, number == 1);
        Self {
            chunks: (0..CHUNKS).map(chunk).collect(),
            leases: Vec::new(),
            taken: BTreeMap::new(),
            is_caught: false,
            now: Timestamp(0),
        }
    }

    fn step(&mut self, word: u32) {
        let (kind, which, rest) = (word % 16, (word >> 8) as usize, word >> 20);
        let at = which % self.chunks.len();
        match kind {
            0..=4 => self.lease(at, VolunteerId(rest % VOLUNTEERS)),
            5..=8 => self.submit(which),
            9..=11 => self.check(at, rest.is_multiple_of(3)),
            12 => self.now = self.now.plus_secs(rest % 70),
            13 => self.change(at, |chunk, now| chunk.expired(POLICY, now)),
            14 => self.give_back(which, rest),
            _ => self.judge(at),
        }
    }

    fn change(
        &mut self,
        at: usize,
        change: impl FnOnce(Chunk, Timestamp) -> Result<Chunk, TransitionError>,
    ) {
        if let Ok(chunk) = change(self.chunks[at].clone(), self.now) {
            self.chunks[at] = chunk;
        }
    }

    fn lease(&mut self, at: usize, volunteer: VolunteerId) {
        let token: LeaseToken = format!("{:032x}", self.leases.len()).parse().unwrap();
        let worker: WorkerId = format!("{:016x}", volunteer.0).parse().unwrap();
        let grant = Grant {
            token: token.clone(),
            volunteer,
            worker,
        };
        if let Ok(chunk) = self.chunks[at].clone().lease(grant, POLICY, self.now) {
            assert!(!(self.is_caught && volunteer == LIAR));
            self.chunks[at] = chunk;
            self.leases.push((token, ChunkNumber(at as u32), volunteer));
        }
    }

    /// Labels arrive under any lease there ever was, in time or late.
    fn submit(&mut self, which: usize) {
        let Some((lease, number, volunteer)) = self.leases.get(which % self.leases.len().max(1))
        else {
            return;
        };
        let answers_sha256 = if *volunteer == LIAR {
            hash(1000 + number.0)
        } else {
            truth(*number)
        };
        let submitted = Submitted {
            lease: lease.clone(),
            volunteer: *volunteer,
            answers_sha256,
            submitted: self.now,
        };
        self.change(number.0 as usize, |chunk, _| chunk.submitted(submitted));
    }

    /// The server looks at known pictures; a lie may be about others.
    fn check(&mut self, at: usize, sees_lie: bool) {
        let ChunkState::Checking(submitted) = self.chunks[at].state.clone() else {
            return;
        };
        if submitted.volunteer == LIAR && sees_lie {
            self.change(at, |chunk, _| chunk.rejected(POLICY, "a lie"));
            self.catch();
        } else if self.chunks[at].is_disputed() {
            self.judge(at);
        } else {
            self.change(at, |chunk, now| chunk.held(true, now));
            self.note(at, submitted.answers_sha256);
        }
    }

    fn judge(&mut self, at: usize) {
        let number = self.chunks[at].number;
        let Ok(judged) = self.chunks[at].clone().judged(&truth(number), self.now) else {
            return;
        };
        assert!(judged.liars.iter().all(|liar| *liar == LIAR));
        assert!(!judged.honest.contains(&LIAR));
        self.chunks[at] = judged.chunk;
        self.note(at, truth(number));
        if !judged.liars.is_empty() {
            self.catch();
        }
    }

    fn note(&mut self, at: usize, answers: Sha256) {
        if matches!(self.chunks[at].state, ChunkState::Done(_)) {
            let before = self.taken.insert(self.chunks[at].number, answers);
            assert_eq!(before, None, "labelled twice");
        }
    }

    fn catch(&mut self) {
        self.is_caught = true;
        for chunk in &mut self.chunks {
            let was_done = matches!(chunk.state, ChunkState::Done(_));
            *chunk = chunk.clone().without(LIAR);
            if was_done && chunk.state == ChunkState::Waiting {
                assert_eq!(
                    self.taken.remove(&chunk.number),
                    Some(hash(1000 + chunk.number.0))
                );
            }
        }
        for chunk in &self.chunks {
            let answers = self.taken.get(&chunk.number);
            assert!(answers.is_none_or(|answers| *answers == truth(chunk.number)));
            assert!(chunk.state.has_ended() || !chunk.is_for(LIAR));
        }
    }

    fn give_back(&mut self, which: usize, rest: u32) {
        let Some((token, number, _)) = self.leases.get(which % self.leases.len().max(1)).cloned()
        else {
            return;
        };
        self.change(number.0 as usize, |chunk, now| match rest % 4 {
            0 => chunk.released(&token),
            1 => chunk.heard(&token, POLICY, now),
            2 => chunk.left_alone(&token, POLICY, now),
            _ => chunk.given_up(&token, POLICY),
        });
    }

    /// Everybody honest comes back, and nothing goes wrong any more.
    fn settle(&mut self) {
        self.now = self.now.plus_secs(1_000);
        // Twice: a lie that is found out late brings back what was labelled.
        for at in (0..self.chunks.len()).chain(0..self.chunks.len()) {
            for volunteer in 10..14 {
                self.change(at, |chunk, now| chunk.expired(POLICY, now));
                self.lease(at, VolunteerId(volunteer));
                self.submit(self.leases.len() - 1);
                self.check(at, true);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn every_chunk_is_labelled_once_and_a_caught_liars_come_back(
        history in prop::collection::vec(any::<u32>(), 0..80)
    ) {
        let mut world = World::new();
        history.into_iter().for_each(|word| world.step(word));
        // One lease to submit under, whatever happened.
        world.now = world.now.plus_secs(1_000);
        (0..world.chunks.len()).for_each(|at| {
            world.change(at, |chunk, now| chunk.expired(POLICY, now));
            world.lease(at, VolunteerId(9));
        });
        if world.leases.is_empty() {
            return Ok(());
        }
        world.settle();
        for chunk in &world.chunks {
            prop_assert!(matches!(chunk.state, ChunkState::Done(_)), "{:?}", chunk);
            prop_assert!(world.taken.contains_key(&chunk.number));
            if world.is_caught {
                prop_assert_eq!(&world.taken[&chunk.number], &truth(chunk.number));
            }
        }
    }
}

#[test]
fn a_chunk_that_nobody_can_label_fails_with_a_reason() {
    let policy = LeasePolicy {
        max_attempts: 2,
        ..POLICY
    };
    let mut chunk = Chunk::new(ChunkNumber(0), 0, 5, false);
    for (number, volunteer) in (0..2).zip([VolunteerId(1), VolunteerId(3)]) {
        let token: LeaseToken = format!("{number:032x}").parse().unwrap();
        let grant = Grant {
            token: token.clone(),
            volunteer,
            worker: "0123456789abcdef".parse().unwrap(),
        };
        chunk = chunk.lease(grant, policy, Timestamp(0)).unwrap();
        chunk = chunk.given_up(&token, policy).unwrap();
    }
    let ChunkState::Failed { reason } = chunk.state else {
        panic!("it goes on");
    };
    assert_eq!(
        reason,
        "its workers could not label it (after 2 attempts that came to nothing)"
    );
}

#[test]
fn nobody_confirms_themselves_and_a_new_volunteer_is_not_enough() {
    let mut world = World::new();
    world.lease(0, VolunteerId(1));
    world.submit(0);
    world.change(0, |chunk, now| chunk.held(false, now));
    assert_eq!(world.chunks[0].state, ChunkState::Waiting);
    assert!(!world.chunks[0].is_for(VolunteerId(1)));
    world.lease(0, VolunteerId(3));
    world.submit(1);
    world.change(0, |chunk, now| chunk.held(false, now));
    let ChunkState::Done(settled) = &world.chunks[0].state else {
        panic!("two are enough");
    };
    assert!(settled.is_confirmed);
    assert_eq!(settled.volunteers, [VolunteerId(1), VolunteerId(3)]);
}
