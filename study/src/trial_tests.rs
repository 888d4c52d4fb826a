//! Properties of a trial's life under any order of events.

use proptest::prelude::*;
use tabsweep_protocol::{
    Finished, LeaseToken, Numerics, Outcome, Seed, Sha256, TrialNumber, VolunteerId, WorkerId,
};

use crate::{Checkpoint, Grant, LeasePolicy, Pending, Scores, Timestamp, Trial, TrialState};

const POLICY: LeasePolicy = LeasePolicy {
    lease_secs: 60,
    grace_secs: 5,
    max_attempts: 4,
};

fn token(number: u32) -> LeaseToken {
    format!("{number:032x}").parse().unwrap()
}

fn hash(number: u64) -> Sha256 {
    format!("{number:064x}").parse().unwrap()
}

fn grant(number: u32) -> Grant {
    Grant {
        token: token(number),
        volunteer: VolunteerId(number),
        worker: format!("{number:016x}").parse::<WorkerId>().unwrap(),
    }
}

fn fresh() -> Trial {
    Trial::new(TrialNumber(0), Default::default(), Seed(1), Numerics(1))
}

fn finished(number: u32) -> Pending {
    let outcome = Outcome::Finished(Finished {
        weights_sha256: hash(1),
        validation_correct: 9,
        validation_count: 10,
    });
    Pending {
        lease: token(number),
        volunteer: VolunteerId(number),
        claimed: Timestamp(0),
        outcome,
    }
}

fn checkpoint(number: u32, step: u64) -> Checkpoint {
    Checkpoint {
        step,
        sha256: hash(step),
        lease: token(number),
    }
}

#[test]
fn a_trial_is_suggested_leased_claimed_and_verified() {
    let scores = Scores {
        validation: 0.9,
        test: 0.8,
    };
    let trial = fresh()
        .lease(grant(1), POLICY, Timestamp(0))
        .and_then(|trial| trial.checkpointed(checkpoint(1, 10)))
        .and_then(|trial| trial.claimed(finished(1)))
        .and_then(|trial| trial.verified(scores, Timestamp(5)))
        .unwrap();
    assert_eq!(trial.attempts, 1);
    assert!(matches!(trial.state, TrialState::Verified(verified) if verified.scores == scores));
}

#[test]
fn a_closed_socket_frees_the_trial_after_the_grace_and_keeps_the_checkpoint() {
    let away = fresh()
        .lease(grant(1), POLICY, Timestamp(0))
        .and_then(|trial| trial.checkpointed(checkpoint(1, 10)))
        .and_then(|trial| trial.left_alone(&token(1), POLICY, Timestamp(1000)))
        .unwrap();
    assert!(away.clone().expired(POLICY, Timestamp(5999)).is_err());
    let back = away
        .clone()
        .heard(&token(1), POLICY, Timestamp(5999))
        .unwrap();
    assert!(back.expired(POLICY, Timestamp(6000)).is_err());
    let free = away.expired(POLICY, Timestamp(6000)).unwrap();
    assert_eq!(free.state, TrialState::Waiting);
    assert_eq!(free.checkpoint, Some(checkpoint(1, 10)));
}

#[test]
fn old_tokens_change_nothing_while_somebody_else_has_the_lease() {
    let trial = fresh()
        .lease(grant(1), POLICY, Timestamp(0))
        .and_then(|trial| trial.expired(POLICY, Timestamp(60_000)))
        .unwrap();
    assert!(
        trial.clone().claimed(finished(1)).is_ok(),
        "nobody has it: a late claim counts"
    );
    let leased = trial.lease(grant(2), POLICY, Timestamp(60_000)).unwrap();
    assert!(
        leased
            .clone()
            .heard(&token(1), POLICY, Timestamp(60_001))
            .is_err()
    );
    assert!(leased.clone().checkpointed(checkpoint(1, 99)).is_err());
    assert!(leased.clone().released(&token(1)).is_err());
    let error = leased.claimed(finished(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a trial that is running can't be claimed"
    );
}

#[test]
fn a_wrong_claim_sends_the_trial_to_somebody_else_without_the_liars_checkpoint() {
    let trial = fresh()
        .lease(grant(1), POLICY, Timestamp(0))
        .and_then(|trial| trial.checkpointed(checkpoint(1, 10)))
        .and_then(|trial| trial.claimed(finished(1)))
        .and_then(|trial| trial.rejected(POLICY, "wrong score"))
        .unwrap();
    assert_eq!(trial.checkpoint, None);
    assert!(trial.clone().lease(grant(1), POLICY, Timestamp(1)).is_err());
    assert!(trial.clone().claimed(finished(1)).is_err());
    assert!(trial.lease(grant(2), POLICY, Timestamp(1)).is_ok());
}

#[test]
fn a_checkpoint_that_a_worker_could_not_use_is_dropped() {
    let waiting = fresh()
        .lease(grant(1), POLICY, Timestamp(0))
        .and_then(|trial| trial.checkpointed(checkpoint(1, u64::MAX)))
        .and_then(|trial| trial.released(&token(1)))
        .unwrap();
    assert!(waiting.checkpoint.is_some());
    let leased = waiting.lease(grant(2), POLICY, Timestamp(1)).unwrap();
    let given_up = leased.given_up(&token(2), POLICY).unwrap();
    assert_eq!(given_up.checkpoint, None);
    assert_eq!(given_up.losses, 0, "the trial itself may be fine");
    let again = given_up.lease(grant(2), POLICY, Timestamp(2)).unwrap();
    let given_up = again.given_up(&token(2), POLICY).unwrap();
    assert_eq!(given_up.losses, 1);
    assert!(given_up.lease(grant(2), POLICY, Timestamp(3)).is_err());
}

#[test]
fn stopping_fails_no_trial_but_losing_it_again_and_again_does() {
    let mut trial = fresh();
    for _ in 0..20 {
        trial = trial.lease(grant(1), POLICY, Timestamp(0)).unwrap();
        trial = trial.released(&token(1)).unwrap();
    }
    for _ in 0..POLICY.max_attempts {
        assert_eq!(trial.state, TrialState::Waiting);
        trial = trial.lease(grant(1), POLICY, Timestamp(0)).unwrap();
        trial = trial.expired(POLICY, Timestamp(60_000)).unwrap();
    }
    assert!(matches!(trial.state, TrialState::Failed { .. }));
    assert_eq!(trial.attempts, 24);
}

#[test]
fn a_new_numeric_contract_begins_what_has_not_ended_anew_and_blames_nobody() {
    let running = fresh()
        .lease(grant(1), POLICY, Timestamp(0))
        .and_then(|trial| trial.checkpointed(checkpoint(1, 10)))
        .unwrap();
    let claimed = running.clone().claimed(finished(1)).unwrap();
    for trial in [fresh(), running, claimed.clone()] {
        let anew = trial.begun_anew(Numerics(2), None).unwrap();
        assert_eq!(
            (anew.numerics, &anew.checkpoint, &anew.state),
            (Numerics(2), &None, &TrialState::Waiting)
        );
        assert_eq!((anew.losses, anew.refused.len()), (0, 0));
    }
    let scores = Scores {
        validation: 0.9,
        test: 0.8,
    };
    let verified = claimed.verified(scores, Timestamp(5)).unwrap();
    let error = verified.begun_anew(Numerics(2), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a trial that is verified can't be begun anew"
    );
}

#[derive(Clone, Debug)]
enum Event {
    Lease(u32),
    Heard(u32),
    LeftAlone(u32),
    Checkpointed(u32, u64),
    Released(u32),
    GivenUp(u32),
    Expired,
    Claimed(u32),
    Verified,
    Rejected,
    BegunAnew,
}

fn events() -> impl Strategy<Value = Event> {
    let worker = 0..4_u32;
    prop_oneof![
        3 => worker.clone().prop_map(Event::Lease),
        1 => worker.clone().prop_map(Event::Heard),
        1 => worker.clone().prop_map(Event::LeftAlone),
        1 => (worker.clone(), 0..50_u64).prop_map(|(worker, step)| Event::Checkpointed(worker, step)),
        1 => worker.clone().prop_map(Event::Released),
        1 => worker.clone().prop_map(Event::GivenUp),
        2 => Just(Event::Expired),
        1 => worker.prop_map(Event::Claimed),
        1 => Just(Event::Verified),
        1 => Just(Event::Rejected),
        1 => Just(Event::BegunAnew),
    ]
}

fn apply(trial: Trial, event: &Event, now: Timestamp) -> Result<Trial, crate::TransitionError> {
    match *event {
        Event::Lease(worker) => trial.lease(grant(worker), POLICY, now),
        Event::Heard(worker) => trial.heard(&token(worker), POLICY, now),
        Event::LeftAlone(worker) => trial.left_alone(&token(worker), POLICY, now),
        Event::Checkpointed(worker, step) => trial.checkpointed(checkpoint(worker, step)),
        Event::Released(worker) => trial.released(&token(worker)),
        Event::GivenUp(worker) => trial.given_up(&token(worker), POLICY),
        Event::Expired => trial.expired(POLICY, now),
        Event::Claimed(worker) => trial.claimed(finished(worker)),
        Event::Verified => trial.verified(
            Scores {
                validation: 0.5,
                test: 0.5,
            },
            now,
        ),
        Event::Rejected => trial.rejected(POLICY, "wrong"),
        Event::BegunAnew => trial.begun_anew(Numerics(2), None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_history_loses_a_trial_or_leases_it_twice(
        history in prop::collection::vec((events(), 0..70_000_i64), 0..60),
    ) {
        let mut trial = fresh();
        let mut now = Timestamp(0);
        for (event, passed) in history {
            now = Timestamp(now.0 + passed);
            let before = trial.clone();
            let Ok(after) = apply(trial.clone(), &event, now) else { continue };
            prop_assert!(!before.state.has_ended(), "{event:?} moved an ended trial");
            if let Event::Lease(_) = event {
                prop_assert_eq!(&before.state, &TrialState::Waiting, "leased twice");
                prop_assert_eq!(after.attempts, before.attempts + 1);
            }
            prop_assert!(after.losses <= POLICY.max_attempts);
            trial = after;
            let far = now.plus_secs(POLICY.lease_secs);
            if trial.current_lease().is_some() {
                let freed = trial.clone().expired(POLICY, far);
                prop_assert!(freed.is_ok(), "an expiry always frees");
            }
        }
    }
}
