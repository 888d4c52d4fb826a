//! What each trial says of the numeric contract, and what becomes of it when the trainer has another.

use tabsweep_protocol::{
    Numerics, Release, ReleaseReason, ServerMessage, Stop, StopReason, TrialNumber, WorkerMessage,
};
use tabsweep_server::verification::NUMERICS;

use crate::support::{TestServer, Worker};

const NEWER: Numerics = Numerics(NUMERICS.0 + 1);

async fn begin_anew(server: &TestServer, numerics: Numerics) -> u32 {
    let (store, now) = (&server.app.store, server.app.clock.now());
    store.begin_outdated_anew(numerics, now).await.unwrap()
}

/// Trains, uploads and claims the next trial.
async fn claim_next(server: &TestServer, worker: &mut Worker) {
    let lease = worker.leases().await;
    let trained = server.train(&lease);
    let sha256 = trained.sha256();
    server
        .upload(&lease.token, sha256.as_str(), &trained.weights)
        .await;
    worker.claims(trained.claim(&lease.token)).await.unwrap();
}

#[tokio::test]
async fn lease_trial_and_leaderboard_name_the_trainers_version() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("ada").await;
    claim_next(&server, &mut worker).await;
    worker.verdict().await.unwrap();
    assert_eq!(worker.leases().await.numerics, NUMERICS);
    let trial = server.get("/api/studies/1/trials/1").await;
    assert_eq!(trial["numerics"], NUMERICS.0);
    let rows = server.get("/api/studies/1/leaderboard").await;
    assert_eq!(rows[0]["numerics"], NUMERICS.0);
}

#[tokio::test]
async fn a_new_contract_begins_trials_anew_and_fences_off_their_old_leases() {
    let server = TestServer::with_study().await;
    let mut early = server.worker("early").await;
    let lease = early.leases().await;
    early.checkpoints(&server, &lease, 2).await;
    assert_eq!(begin_anew(&server, NEWER).await, 1);
    let trial = server.get("/api/studies/1/trials/0").await;
    assert_eq!(trial["numerics"], NEWER.0);
    assert_eq!(trial["state"], "waiting");
    assert!(trial["checkpoint_step"].is_null(), "{trial}");
    assert_eq!(trial["leases"][0]["ended"], "outdated");

    let trained = server.train(&lease);
    let refusal = early.claims(trained.claim(&lease.token)).await.unwrap_err();
    let expected = format!(
        "the lease is of numerics {NUMERICS}, the trial is now trained under numerics {NEWER}"
    );
    assert_eq!(refusal, expected);
}

#[tokio::test]
async fn a_trial_of_another_contract_is_not_handed_out() {
    let server = TestServer::with_study().await;
    let mut first = server.worker("first").await;
    assert_eq!(first.leases().await.trial, TrialNumber(0));
    begin_anew(&server, NEWER).await;
    let mut second = server.worker("second").await;
    assert_eq!(second.leases().await.trial, TrialNumber(1));

    assert_eq!(begin_anew(&server, NUMERICS).await, 1);
    let again = server.worker("third").await.leases().await;
    assert_eq!((again.trial, again.attempt), (TrialNumber(0), 2));
}

#[tokio::test]
async fn what_has_ended_keeps_its_contract() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("ada").await;
    claim_next(&server, &mut worker).await;
    worker.verdict().await.unwrap();
    assert_eq!(begin_anew(&server, NEWER).await, 0);
    let trial = server.get("/api/studies/1/trials/0").await;
    assert_eq!(trial["numerics"], NUMERICS.0);
    assert_eq!(trial["state"], "verified");
}

#[tokio::test]
async fn a_worker_of_another_contract_gives_the_trial_back_unharmed() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("other").await;
    let lease = worker.leases().await;
    worker
        .says(WorkerMessage::Release(Release {
            lease: lease.token.clone(),
            reason: ReleaseReason::OtherNumerics,
        }))
        .await;
    let again = worker.leases().await;
    assert_eq!((again.trial, again.attempt), (TrialNumber(0), 2));
    worker
        .says(WorkerMessage::Checkpoint(
            tabsweep_protocol::CheckpointRef {
                lease: lease.token.clone(),
                step: 1,
                sha256: "0".repeat(64).parse().unwrap(),
            },
        ))
        .await;
    let stop = Stop {
        lease: lease.token,
        reason: StopReason::LeaseLost,
    };
    assert_eq!(worker.hears().await, ServerMessage::Stop(stop));
}
