//! Who is credited with what: verified work, to each who did a part of it.

use serde_json::Value;
use tabsweep_protocol::{
    Claim, Lease, Outcome, Paused, Release, ReleaseReason, ServerMessage, WorkerMessage,
};
use tabsweep_server::studies;

use crate::support::{TestServer, Worker, http, until};

/// Multiply-adds of a step of [`crate::support::STUDY`]: ten images, each three times through the
/// second convolution and both dense layers, and twice through the first convolution.
const STEP: u64 = 10 * (2 * CONV1 + 3 * (CONV2 + DENSE));
const CONV1: u64 = 26 * 26 * 2 * 9;
const CONV2: u64 = 10 * 10 * 4 * 2 * 9;
const DENSE: u64 = 8 * (5 * 5 * 4 + 10);

async fn contribution(server: &TestServer, worker: &Worker) -> Value {
    let request = http()
        .get(server.url("/api/volunteers/me"))
        .bearer_auth(&worker.volunteer_token);
    request.send().await.unwrap().json().await.unwrap()
}

async fn credit(server: &TestServer, worker: &Worker) -> u64 {
    let contribution = contribution(server, worker).await;
    contribution["credit"].as_str().unwrap().parse().unwrap()
}

/// Claims a trained trial and waits for the verdict.
async fn finishes(server: &TestServer, worker: &mut Worker, lease: &Lease) {
    let trained = server.train(lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    worker.claims(trained.claim(&lease.token)).await.unwrap();
    worker.verdict().await.unwrap();
}

async fn gives_back(server: &TestServer, worker: &mut Worker, lease: &Lease, why: ReleaseReason) {
    worker
        .says(WorkerMessage::Release(Release {
            lease: lease.token.clone(),
            reason: why,
        }))
        .await;
    let number = lease.trial.0;
    until("the trial is given back", async || {
        server.state_of(number).await == "waiting"
    })
    .await;
}

#[tokio::test]
async fn each_is_credited_with_the_part_they_trained_once_the_whole_is_verified() {
    let server = TestServer::with_study().await;
    let mut first = server.worker("first").await;
    let lease = first.leases().await;
    first.checkpoints(&server, &lease, 3).await;
    gives_back(&server, &mut first, &lease, ReleaseReason::Stopped).await;
    let mut second = server.worker("second").await;
    let lease = second.leases().await;
    assert_eq!((lease.trial.0, lease.attempt), (0, 2));
    assert_eq!(
        credit(&server, &first).await,
        0,
        "nothing is verified before the end"
    );
    assert!(contribution(&server, &first).await["rank"].is_null());
    finishes(&server, &mut second, &lease).await;
    assert_eq!(credit(&server, &first).await, 3 * STEP);
    assert_eq!(credit(&server, &second).await, 2 * STEP);
    assert_eq!(contribution(&server, &second).await["rank"], 2);
}

#[tokio::test]
async fn the_board_shows_those_with_most_credit_first() {
    let server = TestServer::with_study().await;
    let mut small = server.worker("small").await;
    let lease = small.leases().await;
    small.checkpoints(&server, &lease, 1).await;
    gives_back(&server, &mut small, &lease, ReleaseReason::Stopped).await;
    let mut big = server.worker("big").await;
    for _ in 0..2 {
        let lease = big.leases().await;
        finishes(&server, &mut big, &lease).await;
    }
    server.worker("idle").await;
    let board = server.get("/api/volunteers").await;
    let names: Vec<_> = board.as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2, "who has no credit is not on it: {board}");
    assert_eq!(board[0]["rank"], 1);
    assert_eq!(board[0]["volunteer"]["nickname"], "big");
    assert_eq!(board[0]["credit"], (9 * STEP).to_string());
    assert_eq!(board[0]["verified"], 2);
    assert_eq!(board[0]["workers"], 1);
    assert_eq!(board[0]["seen_millis"], 10_000_000);
    assert_eq!(board[1]["volunteer"]["nickname"], "small");
    assert_eq!(board[1]["credit"], STEP.to_string());
    let one = server.get("/api/volunteers?limit=1").await;
    assert_eq!(one.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_claim_earns_nothing() {
    let server = TestServer::with_study().await;
    let mut forger = server.worker("forger").await;
    let lease = forger.leases().await;
    let mut trained = server.train(&lease);
    trained.correct += 1;
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    forger.claims(trained.claim(&lease.token)).await.unwrap();
    forger.verdict().await.unwrap_err();
    assert_eq!(credit(&server, &forger).await, 0);
}

#[tokio::test]
async fn work_that_led_to_nothing_verified_earns_nothing() {
    let server = TestServer::with_study().await;
    let mut lost = server.worker("lost").await;
    let lease = lost.leases().await;
    lost.checkpoints(&server, &lease, 4).await;
    gives_back(&server, &mut lost, &lease, ReleaseReason::Stopped).await;
    // Who can't go on from a checkpoint drops it, and the trial begins anew.
    let mut wary = server.worker("wary").await;
    let lease = wary.leases().await;
    gives_back(&server, &mut wary, &lease, ReleaseReason::Failed).await;
    let mut honest = server.worker("honest").await;
    let lease = honest.leases().await;
    assert!(lease.checkpoint.is_none());
    finishes(&server, &mut honest, &lease).await;
    assert_eq!(credit(&server, &honest).await, 5 * STEP);
    assert_eq!(credit(&server, &lost).await, 0);
    assert_eq!(credit(&server, &wary).await, 0);
}

#[tokio::test]
async fn a_rung_is_credited_when_it_is_reached_and_not_again_at_the_end() {
    let server = TestServer::empty().await;
    let pruner = "pruner = { type = \"asha\", min_epochs = 1, reduction_factor = 2 }";
    let text = server
        .study_file()
        .replace("epochs = 1", "epochs = 2")
        .replace("trials = 2", &format!("trials = 2\n{pruner}"));
    studies::create(&server.app, &text).await.unwrap();
    let mut rester = server.worker("rester").await;
    for _ in 0..2 {
        rests(&server, &mut rester).await;
    }
    assert_eq!(credit(&server, &rester).await, 10 * STEP);
    let mut finisher = server.worker("finisher").await;
    let lease = finisher.leases().await;
    assert!(lease.checkpoint.is_some());
    finishes(&server, &mut finisher, &lease).await;
    assert_eq!(credit(&server, &rester).await, 10 * STEP);
    assert_eq!(credit(&server, &finisher).await, 5 * STEP);
}

/// Trains the next trial to its rung and has that checked.
async fn rests(server: &TestServer, worker: &mut Worker) {
    let lease = worker.leases().await;
    let rested = server.train_to(&lease, 1);
    server
        .upload(&lease.token, rested.sha256.as_str(), &rested.bytes)
        .await;
    let outcome = Outcome::Paused(Paused {
        epoch: 1,
        step: rested.step,
        state_sha256: rested.sha256,
        validation_correct: rested.correct,
        validation_count: rested.count,
    });
    let claim = Claim {
        lease: lease.token,
        outcome,
    };
    worker.says(WorkerMessage::Claim(claim)).await;
    assert!(matches!(worker.hears().await, ServerMessage::ClaimAnswer(answer) if answer.taken));
    worker.verdict().await.unwrap();
}

#[tokio::test]
async fn a_verified_trial_can_be_trained_once_more_and_any_other_can_not() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let refused = server.get("/api/studies/1/trials/0/reproduction").await;
    assert_eq!(refused["status"], 409);
    finishes(&server, &mut worker, &lease).await;
    let recipe = server.get("/api/studies/1/trials/0/reproduction").await;
    let weights = server.train(&lease).sha256();
    assert_eq!(recipe["weights_sha256"], weights.as_str());
    assert_eq!(recipe["seed"], lease.seed.0.to_string());
    assert_eq!(recipe["numerics"], lease.numerics.0);
    let data = serde_json::to_value(&lease.data).unwrap();
    assert_eq!(recipe["data"], data);
    let unknown = server.get("/api/studies/1/trials/7/reproduction").await;
    assert_eq!(unknown["status"], 404);
}
