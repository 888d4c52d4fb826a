//! What holds on either database. Each check gets an empty one.

use std::collections::BTreeSet;

use tabsweep_protocol::{
    BlobRef, CheckpointRef, ChunkNumber, Epoch, JobId, LabelModel, NoWorkReason, Numerics, Outcome,
    Paused, ReleaseReason, Seed, StudyId, TrialNumber,
};
use tabsweep_server::store::{
    ClaimKind, ClaimRef, Credit, Heard, JobDefinition, JobPicture, NextLease, Sample, Store,
    StoreError, StoredBundle,
};
use tabsweep_study::{Chunk, EventKind, Extension, JobState, Scores, StudyState, TrialState};
use tabsweep_vision::Description;

use crate::support::{
    NOW, NUMERICS, POLICY, Place, SCORES, WORK, ask, claim, cluster, data, finished, hash, later,
    lease, study, volunteer, with_study,
};

macro_rules! contract {
    ($($check:ident),+ $(,)?) => {
        async fn holds(fresh: impl Fn() -> Place) {
            $(
                println!("{}", stringify!($check));
                $check(fresh()).await;
            )+
        }
    };
}

contract! {
    a_trial_lives_from_lease_to_leaderboard,
    nobody_gets_a_trial_that_another_has,
    a_lease_is_its_volunteers_alone,
    a_late_claim_counts_while_nobody_else_has_the_trial,
    a_lease_that_ends_frees_its_trial,
    a_claim_needs_its_upload_and_its_own_weights,
    reports_and_checkpoints_are_kept,
    a_trial_rests_at_its_rung_and_goes_on,
    claims_are_checked_in_their_order_and_by_their_kind,
    operators_pause_enqueue_extend_requeue_and_stop,
    uploads_that_no_trial_needs_are_given_up,
    only_one_study_is_the_first,
    what_was_stored_is_there_after_a_restart,
    events_have_no_gaps,
    a_newer_database_is_refused,
    plots_have_a_sample_and_always_the_best,
    a_bundle_goes_when_no_job_needs_it,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    holds(|| {
        number.set(number.get() + 1);
        Place::Sqlite(folder.path().join(format!("a b {}.sqlite3", number.get())))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_the_contract() {
    let Some((_folder, cluster)) = cluster() else {
        return;
    };
    holds(|| Place::Postgres(cluster.fresh_database().unwrap())).await;
}

async fn a_trial_lives_from_lease_to_leaderboard(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 2, "").await;
    let (token, leased) = lease(&store, ada).await;
    assert_eq!(
        (leased.study.id, leased.trial.number),
        (study, TrialNumber(0))
    );
    assert_eq!(store.running_trials_of(ada).await.unwrap(), 1);
    let record = store.lease(&token).await.unwrap();
    assert_eq!(
        (record.volunteer, record.attempt, record.numerics),
        (ada, 1, NUMERICS)
    );
    claim(&store, &token, ada, 77).await;
    let (_, checking) = store
        .next_claim(ClaimKind::Scored, &[])
        .await
        .unwrap()
        .unwrap();
    let verdict = ClaimRef {
        study,
        number: checking.number,
        lease: token,
    };
    store
        .verified(&verdict, SCORES, WORK, later(1))
        .await
        .unwrap();
    let rows = store.verified_trials(study, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].scores, &rows[0].weights_sha256),
        (SCORES, &hash(77))
    );
    assert_eq!(
        (rows[0].volunteer.0, rows[0].volunteer.1.as_str()),
        (ada, "ada")
    );
    assert!(store.is_verified_weights(&hash(77)).await.unwrap());
    assert_eq!(store.volunteer(ada).await.unwrap().verified, 1);
    let earnings = store.earnings(ada).await.unwrap();
    assert_eq!((earnings.credit, earnings.rank), (Credit(2_000), Some(1)));
    assert_eq!(store.contributors(5).await.unwrap()[0].nickname, "ada");
    let records = store
        .trial_records(study, TrialNumber(0), 10)
        .await
        .unwrap();
    assert_eq!(records[0].volunteer.as_deref(), Some("ada"));
    assert!(store.model(&hash(77)).await.unwrap().is_some());
    assert_eq!(store.models(5).await.unwrap().len(), 1);
    let stored = store.study(study).await.unwrap().unwrap();
    let counts = store.trial_counts(&stored).await.unwrap();
    assert_eq!((counts.verified, counts.unsuggested), (1, 1));
    assert!(
        store
            .verified(&verdict, SCORES, WORK, later(2))
            .await
            .unwrap_err()
            .is_refusal()
    );
    assert!(store.is_study_data(&hash(1)).await.unwrap());
    assert!(
        !store.is_study_data(&hash(3)).await.unwrap(),
        "the test images are nobody's"
    );
}

async fn nobody_gets_a_trial_that_another_has(place: Place) {
    let store = place.open().await;
    let (_, ada) = with_study(&store, 40, "").await;
    let asking = (0..50).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { ask(&store, ada, NOW).await })
    });
    let mut trials = BTreeSet::new();
    let mut without = 0;
    for next in asking.collect::<Vec<_>>() {
        match next.await.unwrap() {
            NextLease::Trial(leased) => assert!(trials.insert(leased.trial.number)),
            NextLease::None(reason) => {
                assert_eq!(reason, NoWorkReason::AllLeased);
                without += 1;
            }
            other => panic!("expected a trial or none, found {other:?}"),
        }
    }
    assert_eq!((trials.len(), without), (40, 10));
}

async fn a_lease_is_its_volunteers_alone(place: Place) {
    let store = place.open().await;
    let (_, ada) = with_study(&store, 2, "").await;
    let bob = volunteer(&store, "bob").await;
    let (token, _) = lease(&store, ada).await;
    let stolen = store.heard(&token, bob, POLICY, NOW).await;
    assert!(
        matches!(stolen, Err(StoreError::NotYourLease { .. })),
        "{stolen:?}"
    );
    let unknown = tabsweep_server::secret::lease_token();
    let made_up = store.heard(&unknown, ada, POLICY, NOW).await;
    assert!(
        matches!(made_up, Err(StoreError::NoLease { .. })),
        "{made_up:?}"
    );
    let stopped = ReleaseReason::Stopped;
    store
        .released(&token, ada, POLICY, stopped, NOW)
        .await
        .unwrap();
    let again = store.released(&token, ada, POLICY, stopped, NOW).await;
    assert!(
        matches!(again, Err(StoreError::Transition { .. })),
        "{again:?}"
    );
    let (_, leased) = lease(&store, bob).await;
    assert_eq!(
        (leased.trial.number, leased.trial.attempts),
        (TrialNumber(0), 2)
    );
}

async fn a_late_claim_counts_while_nobody_else_has_the_trial(place: Place) {
    let store = place.open().await;
    let (_, ada) = with_study(&store, 1, "").await;
    let (token, _) = lease(&store, ada).await;
    store.expire_leases(POLICY, later(61)).await.unwrap();
    let (newer, _) = lease(&store, ada).await;
    store.add_upload(&token, &hash(9), 1, NOW).await.unwrap();
    let late = store.claimed(&token, ada, &finished(hash(9)), NOW).await;
    assert!(late.unwrap_err().is_refusal());
    store
        .released(&newer, ada, POLICY, ReleaseReason::Stopped, NOW)
        .await
        .unwrap();
    store
        .claimed(&token, ada, &finished(hash(9)), NOW)
        .await
        .unwrap();
}

async fn a_lease_that_ends_frees_its_trial(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 1, "").await;
    let (token, _) = lease(&store, ada).await;
    assert!(
        store
            .expire_leases(POLICY, later(59))
            .await
            .unwrap()
            .is_empty()
    );
    store.heard(&token, ada, POLICY, later(30)).await.unwrap();
    assert!(
        store
            .expire_leases(POLICY, later(61))
            .await
            .unwrap()
            .is_empty()
    );
    store
        .left_alone(&token, ada, POLICY, later(62))
        .await
        .unwrap();
    assert_eq!(
        store.expire_leases(POLICY, later(73)).await.unwrap(),
        [study]
    );
    let leases = store.leases(study, TrialNumber(0)).await.unwrap();
    assert_eq!(leases[0].ended, Some((later(73), "expired".to_owned())));
    assert_eq!(store.running_trials_of(ada).await.unwrap(), 0);
}

async fn a_claim_needs_its_upload_and_its_own_weights(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 2, "").await;
    let (first, leased) = lease(&store, ada).await;
    let missing = store.claimed(&first, ada, &finished(hash(5)), NOW).await;
    assert!(
        matches!(missing, Err(StoreError::NotUploaded)),
        "{missing:?}"
    );
    claim(&store, &first, ada, 5).await;
    let verdict = ClaimRef {
        study,
        number: leased.trial.number,
        lease: first,
    };
    store.verified(&verdict, SCORES, WORK, NOW).await.unwrap();
    let (second, _) = lease(&store, ada).await;
    store.add_upload(&second, &hash(5), 10, NOW).await.unwrap();
    store.add_upload(&second, &hash(5), 10, NOW).await.unwrap();
    assert_eq!(store.uploads_of(&second).await.unwrap().bytes, 10);
    let copied = store.claimed(&second, ada, &finished(hash(5)), NOW).await;
    assert!(
        matches!(copied, Err(StoreError::CopiedWeights)),
        "{copied:?}"
    );
}

async fn reports_and_checkpoints_are_kept(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 1, "").await;
    let (token, leased) = lease(&store, ada).await;
    for mean_loss in [2.5, 1.5] {
        let epoch = Epoch {
            lease: token.clone(),
            epoch: 1,
            step: 100,
            validation_correct: 3,
            validation_count: 4,
            mean_loss,
            state_sha256: hash(8),
        };
        let heard = store
            .epoch_ended(&epoch, |_| false, ada, POLICY, NOW)
            .await
            .unwrap();
        assert_eq!(heard, Heard::GoesOn);
    }
    let epochs = store.epochs(study, leased.trial.number).await.unwrap();
    assert_eq!((epochs.len(), epochs[0].step), (1, 100));
    assert_eq!(
        (epochs[0].validation_score, epochs[0].mean_loss),
        (0.75, 1.5)
    );
    store.add_upload(&token, &hash(8), 10, NOW).await.unwrap();
    let checkpoint = CheckpointRef {
        lease: token,
        step: 100,
        sha256: hash(8),
    };
    store
        .checkpointed(&checkpoint, ada, POLICY, NOW)
        .await
        .unwrap();
    let trial = store
        .trial(study, leased.trial.number)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(trial.checkpoint.unwrap().sha256, hash(8));
    let all = store.trials(study, None, 0, 10).await.unwrap();
    let waiting = store.trials(study, Some("waiting"), 0, 10).await.unwrap();
    assert_eq!((all.total, all.trials.len(), waiting.total), (1, 1, 0));
}

async fn a_trial_rests_at_its_rung_and_goes_on(place: Place) {
    let store = place.open().await;
    let asha = "pruner = { type = \"asha\", min_epochs = 1, reduction_factor = 2 }";
    let (study, ada) = with_study(&store, 2, asha).await;
    for weights in [11, 12] {
        let (token, leased) = lease(&store, ada).await;
        store
            .add_upload(&token, &hash(weights), 10, NOW)
            .await
            .unwrap();
        let paused = Outcome::Paused(Paused {
            epoch: 1,
            step: 10,
            state_sha256: hash(weights),
            validation_correct: 9,
            validation_count: 10,
        });
        store.claimed(&token, ada, &paused, NOW).await.unwrap();
        let verdict = ClaimRef {
            study,
            number: leased.trial.number,
            lease: token,
        };
        store
            .paused(&verdict, f64::from(weights) / 20.0, WORK, NOW)
            .await
            .unwrap();
    }
    let (_, leased) = lease(&store, ada).await;
    assert_eq!(
        (leased.trial.number, leased.trial.rungs),
        (TrialNumber(1), 1)
    );
    assert_eq!(leased.trial.checkpoint.unwrap().sha256, hash(12));
}

async fn claims_are_checked_in_their_order_and_by_their_kind(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 3, "").await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(lease(&store, ada).await.0);
    }
    let diverged = Outcome::Diverged { step: 3 };
    store
        .claimed(&tokens[2], ada, &diverged, later(1))
        .await
        .unwrap();
    for (number, token) in tokens.iter().enumerate().take(2) {
        let weights = u32::try_from(number).unwrap() + 20;
        store
            .add_upload(token, &hash(weights), 1, NOW)
            .await
            .unwrap();
        let outcome = finished(hash(weights));
        // The second trial's claim came first.
        let at = later(9 - i64::from(weights - 20));
        store.claimed(token, ada, &outcome, at).await.unwrap();
    }
    let next = async |kind, postponed: &[u32]| {
        let postponed: Vec<_> = postponed.iter().map(|n| (study, TrialNumber(*n))).collect();
        let claim = store.next_claim(kind, &postponed).await.unwrap();
        claim.map(|(_, trial)| trial.number.0)
    };
    assert_eq!(next(ClaimKind::Scored, &[]).await, Some(1));
    assert_eq!(next(ClaimKind::Scored, &[1]).await, Some(0));
    assert_eq!(next(ClaimKind::Scored, &[0, 1]).await, None);
    assert_eq!(next(ClaimKind::Diverged, &[]).await, Some(2));
    let wrong = ClaimRef {
        study,
        number: TrialNumber(1),
        lease: tokens[1].clone(),
    };
    store.rejected(&wrong, POLICY, "no", NOW).await.unwrap();
    assert_eq!(store.volunteer(ada).await.unwrap().rejected, 1);
    let number = TrialNumber(2);
    let right = ClaimRef {
        study,
        number,
        lease: tokens[2].clone(),
    };
    store.diverged(&right, WORK, NOW).await.unwrap();
    let trial = store.trial(study, number).await.unwrap().unwrap();
    assert!(
        matches!(trial.state, TrialState::Diverged { step: 3, .. }),
        "{trial:?}"
    );
}

async fn operators_pause_enqueue_extend_requeue_and_stop(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 1, "").await;
    store.pause_study(study).await.unwrap();
    assert_eq!(
        ask(&store, ada, NOW).await,
        NextLease::None(NoWorkReason::Paused)
    );
    store.resume_study(study, NOW).await.unwrap();
    let own = [(
        "learning_rate".to_owned(),
        tabsweep_protocol::Value::Float(0.005),
    )];
    let number = store
        .enqueue(study, &own.into(), NUMERICS, NOW)
        .await
        .unwrap();
    assert_eq!(number, TrialNumber(0));
    let more = Extension {
        trials: Some(3),
        ..Extension::default()
    };
    store.extend_study(study, more, NOW).await.unwrap();
    let (token, leased) = lease(&store, ada).await;
    assert_eq!(leased.trial.number, number);
    let ended = store
        .requeue(study, number, Numerics(2), NOW)
        .await
        .unwrap();
    assert_eq!(ended, Some(token));
    assert_eq!(
        store.begin_outdated_anew(Numerics(2), NOW).await.unwrap(),
        0
    );
    let grant = crate::support::grant(ada);
    let next = store
        .lease_next(&grant, POLICY, Numerics(2), NOW)
        .await
        .unwrap();
    assert!(matches!(next, NextLease::Trial(leased) if leased.trial.number == number));
    assert_eq!(store.stop_study(study, NOW).await.unwrap(), [grant.token]);
    let stored = store.study(study).await.unwrap().unwrap();
    assert_eq!(stored.state, StudyState::Finished);
    assert_eq!(store.trial_counts(&stored).await.unwrap().cancelled, 1);
    assert!(store.pause_study(study).await.unwrap_err().is_refusal());
    assert_eq!(
        ask(&store, ada, NOW).await,
        NextLease::None(NoWorkReason::AllFinished)
    );
}

async fn uploads_that_no_trial_needs_are_given_up(place: Place) {
    let store = place.open().await;
    let (_, ada) = with_study(&store, 1, "").await;
    let (token, _) = lease(&store, ada).await;
    for number in [31, 32] {
        store
            .add_upload(&token, &hash(number), 10, NOW)
            .await
            .unwrap();
    }
    let checkpoint = CheckpointRef {
        lease: token.clone(),
        step: 1,
        sha256: hash(32),
    };
    store
        .checkpointed(&checkpoint, ada, POLICY, NOW)
        .await
        .unwrap();
    assert!(store.take_unneeded_uploads(NOW).await.unwrap().is_empty());
    assert_eq!(
        store.take_unneeded_uploads(later(1)).await.unwrap(),
        [hash(31)]
    );
    let kept = store.uploads_of(&token).await.unwrap();
    assert_eq!((kept.bytes, kept.trial_has_ended), (10, false));
}

async fn only_one_study_is_the_first(place: Place) {
    let store = place.open().await;
    let first = store
        .add_first_study(&study(1, ""), &data(), NOW)
        .await
        .unwrap();
    let second = store
        .add_first_study(&study(1, ""), &data(), NOW)
        .await
        .unwrap();
    assert_eq!((first, second), (Some(StudyId(1)), None));
    assert_eq!(
        store.add_study(&study(1, ""), &data(), NOW).await.unwrap(),
        StudyId(2)
    );
    let ids: Vec<_> = store
        .studies()
        .await
        .unwrap()
        .iter()
        .map(|study| study.id.0)
        .collect();
    assert_eq!(ids, [2, 1]);
}

async fn what_was_stored_is_there_after_a_restart(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 3, "").await;
    let (running, _) = lease(&store, ada).await;
    let (claimed, _) = lease(&store, ada).await;
    claim(&store, &claimed, ada, 41).await;
    store.close().await;
    let store = place.open().await;
    assert_eq!(
        store.next_claim(ClaimKind::Scored, &[]).await.unwrap(),
        None
    );
    // Long after the lease would have ended.
    let adopted = store.adopt_orphans(POLICY, later(1000)).await.unwrap();
    assert_eq!((adopted.trials, adopted.studies), (2, [study].into()));
    assert!(
        store
            .expire_leases(POLICY, later(1000))
            .await
            .unwrap()
            .is_empty()
    );
    store
        .heard(&running, ada, POLICY, later(1009))
        .await
        .unwrap();
    let next = store.next_claim(ClaimKind::Scored, &[]).await.unwrap();
    assert_eq!(next.unwrap().1.number, TrialNumber(1));
    let (_, leased) = lease(&store, ada).await;
    assert_eq!(leased.trial.number, TrialNumber(2));
    assert_eq!(
        store
            .volunteer_by_token("token of ada")
            .await
            .unwrap()
            .unwrap()
            .id,
        ada
    );
    assert_eq!(store.volunteer_by_token("").await.unwrap(), None);
}

async fn events_have_no_gaps(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 30, "").await;
    let at_work = (0..30_u32).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let (token, leased) = lease(&store, ada).await;
            claim(&store, &token, ada, 100 + number).await;
            let verdict = ClaimRef {
                study,
                number: leased.trial.number,
                lease: token,
            };
            store.verified(&verdict, SCORES, WORK, NOW).await.unwrap();
        })
    });
    for done in at_work.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    let events = store.events(study).await.unwrap();
    let of = |is: fn(&EventKind) -> bool| {
        let of_kind = events.iter().filter(|event| is(&event.kind));
        of_kind
            .map(|event| event.number)
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(events.len(), 60);
    assert_eq!(of(|kind| matches!(kind, EventKind::Suggested { .. })), 30);
    assert_eq!(of(|kind| matches!(kind, EventKind::Verified { .. })), 30);
    let stored = store.study(study).await.unwrap().unwrap();
    assert_eq!(stored.state, StudyState::Finished);
}

async fn a_newer_database_is_refused(place: Place) {
    place.open().await.close().await;
    sqlx::any::install_default_drivers();
    let url = match &place {
        Place::Sqlite(file) => format!("sqlite://{}", file.display()).replace(' ', "%20"),
        Place::Postgres(url) => url.clone(),
    };
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 4")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let opened = match &place {
        Place::Sqlite(file) => Store::open(file).await,
        Place::Postgres(url) => Store::connect(url).await,
    };
    let error = opened.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { migration: 9999 }),
        "{error}"
    );
}

async fn plots_have_a_sample_and_always_the_best(place: Place) {
    let store = place.open().await;
    let (study, ada) = with_study(&store, 5, "").await;
    // Verified one after the other; the third is worse than the second.
    for (number, validation) in (0..4).zip([0.5, 0.9, 0.7, 0.9]) {
        let (token, leased) = lease(&store, ada).await;
        let epoch = Epoch {
            lease: token.clone(),
            epoch: 1,
            step: 10,
            validation_correct: 1,
            validation_count: 2,
            mean_loss: 1.0,
            state_sha256: hash(8),
        };
        store
            .epoch_ended(&epoch, |_| false, ada, POLICY, later(number))
            .await
            .unwrap();
        claim(&store, &token, ada, 70 + u32::try_from(number).unwrap()).await;
        let verdict = ClaimRef {
            study,
            number: leased.trial.number,
            lease: token,
        };
        let scores = Scores {
            validation,
            test: 0.1,
        };
        let at = later(10 + number);
        store.verified(&verdict, scores, WORK, at).await.unwrap();
    }
    assert_eq!(store.trials_begun(study).await.unwrap(), 4);
    let records = store.records(study).await.unwrap();
    let records: Vec<_> = records
        .iter()
        .map(|record| (record.number.0, record.validation, record.at))
        .collect();
    assert_eq!(records, [(0, 0.5, later(10)), (1, 0.9, later(11))]);

    let sample = Sample { stride: 3, best: 1 };
    let sampled = store.sampled_trials(study, sample).await.unwrap();
    let numbers: Vec<_> = sampled.iter().map(|row| row.trial.number.0).collect();
    assert_eq!(numbers, [0, 1, 3], "every third, and the best");
    let epochs = store.sampled_epochs(study, sample).await.unwrap();
    let epochs: Vec<_> = epochs
        .iter()
        .map(|score| (score.number.0, score.epoch, score.validation))
        .collect();
    assert_eq!(epochs, [(0, 1, 0.5), (1, 1, 0.5), (3, 1, 0.5)]);

    let shifts = store.shifts(study, 3).await.unwrap();
    let ends: Vec<_> = shifts
        .iter()
        .map(|shift| (shift.number.0, shift.ended.as_ref().unwrap().1.as_str()))
        .collect();
    assert_eq!(ends, [(1, "claimed"), (2, "claimed"), (3, "claimed")]);
    let counts = store.epochs_in_time(study, later(1), 2_000).await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.slot, count.epochs))
        .collect();
    assert_eq!(counts, [(500, 1), (501, 2)]);
    let ends = store.ends_since(study, later(12)).await.unwrap();
    assert_eq!(ends, [later(12), later(13)]);
}

/// A bundle by the hash `number` whose files are named by the hashes after it, but for the weights.
fn bundle(number: u32, weights: u32) -> StoredBundle {
    let description = include_str!("../../bundles/mobilenet_v1_0.75_192/model.toml");
    StoredBundle {
        sha256: hash(number),
        description: Description::parse(description).unwrap(),
        description_sha256: hash(number + 1),
        labels_sha256: hash(number + 2),
        weights: blob(weights),
        classes: 2,
        added: NOW,
    }
}

fn blob(number: u32) -> BlobRef {
    let sha256 = hash(number);
    BlobRef { sha256, bytes: 1 }
}

async fn add_job(store: &Store, bundle: &StoredBundle) -> Result<JobId, StoreError> {
    let definition = JobDefinition {
        name: "j".to_owned(),
        model: LabelModel::Bundle {
            sha256: bundle.sha256.clone(),
            classes: 2,
            description: BlobRef {
                sha256: bundle.description_sha256.clone(),
                bytes: 1,
            },
            labels: BlobRef {
                sha256: bundle.labels_sha256.clone(),
                bytes: 1,
            },
            weights: bundle.weights.clone(),
        },
        model_name: "b".to_owned(),
        top: 2,
        seed: Seed(1),
        numerics: NUMERICS,
    };
    store.add_pictures(&[(hash(99), 1)], NOW).await.unwrap();
    let picture = JobPicture {
        name: "p".to_owned(),
        content: Ok(hash(99)),
    };
    let chunk = Chunk::new(ChunkNumber(0), 0, 1, false);
    let chunks = [(chunk, 1)];
    store
        .add_job(&definition, 1.0, &[picture], &chunks, NOW)
        .await
}

async fn a_bundle_goes_when_no_job_needs_it(place: Place) {
    let store = place.open().await;
    let (used, other) = (bundle(1000, 1010), bundle(1020, 1010));
    for bundle in [&used, &other] {
        store.add_bundle(bundle).await.unwrap();
    }
    let job = add_job(&store, &used).await.unwrap();
    let refused = store.remove_bundle(&used.sha256).await;
    assert!(matches!(refused, Err(StoreError::BundleInUse { job: found, .. }) if found == job));
    let paused = store.put_job_into(job, JobState::Paused, NOW).await;
    assert!(paused.is_ok() && store.remove_bundle(&used.sha256).await.is_err());

    store
        .put_job_into(job, JobState::Stopped, NOW)
        .await
        .unwrap();
    let removed = store.remove_bundle(&used.sha256).await.unwrap();
    // The names of classes are still the job's, the weights the other's.
    assert_eq!(removed.unneeded, [hash(1001)]);
    assert_eq!(removed.bundle, used);
    let late = add_job(&store, &used).await;
    assert!(matches!(late, Err(StoreError::NoBundle { .. })));
    let removed = store.remove_bundle(&other.sha256).await.unwrap();
    assert_eq!(removed.unneeded, [1021, 1022, 1010].map(hash));
    let gone = store.remove_bundle(&other.sha256).await;
    assert!(matches!(gone, Err(StoreError::NoBundle { .. })));

    // A picture, and a part of a data set.
    let training = data().training;
    store.add_study(&study(1, ""), &data(), NOW).await.unwrap();
    let shared = StoredBundle {
        description_sha256: hash(99),
        weights: training,
        ..bundle(1030, 0)
    };
    store.add_bundle(&shared).await.unwrap();
    let removed = store.remove_bundle(&shared.sha256).await.unwrap();
    assert_eq!(removed.unneeded, [hash(1032)]);
}
