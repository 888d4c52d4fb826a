//! What an operator does with a study that runs.

use serde_json::{Value, json};
use tabsweep_protocol::{
    Claim, NoWork, NoWorkReason, Outcome, Paused, ServerMessage, Stop, StopReason, WorkerMessage,
};
use tabsweep_server::studies;

use crate::support::{ADMIN_TOKEN, TestServer, http, until};

async fn send(server: &TestServer, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = http()
        .request(method.parse().unwrap(), server.url(path))
        .bearer_auth(ADMIN_TOKEN)
        .body(body.to_string());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn change(server: &TestServer, change: Value) -> (u16, Value) {
    send(server, "PATCH", "/api/studies/1", change).await
}

#[tokio::test]
async fn a_paused_study_begins_nothing_and_loses_nothing() {
    let server = TestServer::with_study().await;
    let mut busy = server.worker("busy").await;
    let lease = busy.leases().await;
    let (status, study) = change(&server, json!({ "state": "paused" })).await;
    assert_eq!((status, &study["state"]), (200, &"paused".into()));
    let mut idle = server.worker("idle").await;
    let paused = ServerMessage::NoWork(NoWork {
        reason: NoWorkReason::Paused,
    });
    assert_eq!(idle.asks().await, paused);
    // What is under way goes on to its end.
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    busy.says(trained.claim(&lease.token)).await;
    until("the trial is verified", async || {
        server.state_of(0).await == "verified"
    })
    .await;
    let (status, _) = change(&server, json!({ "state": "running" })).await;
    assert_eq!(status, 200);
    assert!(matches!(idle.hears().await, ServerMessage::Lease(lease) if lease.trial.0 == 1));
}

#[tokio::test]
async fn a_stopped_study_cancels_what_has_not_ended_and_goes_on_when_extended() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let (status, study) = change(&server, json!({ "state": "finished" })).await;
    assert_eq!((status, &study["state"]), (200, &"finished".into()));
    let stop = ServerMessage::Stop(Stop {
        lease: lease.token,
        reason: StopReason::Cancelled,
    });
    assert_eq!(worker.hears().await, stop);
    assert_eq!(server.state_of(0).await, "cancelled");
    let (status, study) = change(&server, json!({ "trials": 3 })).await;
    assert_eq!((status, &study["state"]), (200, &"running".into()));
    assert_eq!(worker.leases().await.trial.0, 1);
}

#[tokio::test]
async fn figures_out_of_range_are_named_and_change_nothing() {
    let server = TestServer::with_study().await;
    let wrong = [
        (json!({ "trials": 0 }), "`trials` must be from 1"),
        (
            json!({ "target_score": 99.5 }),
            "`target_score` must be from 0 to 1",
        ),
        (json!({ "weight": -1.0 }), "`weight`"),
        (json!({ "state": "asleep" }), "unknown variant `asleep`"),
        (json!({ "trails": 3 }), "unknown field `trails`"),
    ];
    for (body, expected) in wrong {
        let (status, problem) = change(&server, body).await;
        assert_eq!(status, 400, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(expected),
            "{problem}"
        );
    }
    assert_eq!(server.get("/api/studies/1").await["trials"], 2);
    let url = server.url("/api/studies/1");
    let answer = http()
        .patch(url)
        .body(r#"{"trials":9}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401, "nobody but the operator");
    let (status, _) = send(&server, "PATCH", "/api/studies/9", json!({ "trials": 3 })).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_queued_setting_is_the_next_and_grows_the_budget() {
    let server = TestServer::with_study().await;
    let path = "/api/studies/1/trials";
    let mut worker = server.worker("worker").await;
    for _ in 0..2 {
        server.worker("other").await.leases().await;
    }
    let own = json!({ "parameters": { "learning_rate": 0.005 } });
    let (status, trial) = send(&server, "POST", path, own).await;
    assert_eq!((status, &trial["number"]), (201, &2.into()), "{trial}");
    let lease = worker.leases().await;
    assert_eq!(lease.trial.0, 2);
    assert_eq!(lease.parameters["learning_rate"].to_string(), "0.005");
    assert_eq!(
        lease.parameters["hidden_units"].to_string(),
        "8",
        "from the space"
    );
    let wrong = [
        (
            json!({ "learning_rates": 0.005 }),
            "not in the study's space",
        ),
        (json!({ "learning_rate": 5.0 }), "can't be 5 in this study"),
        (json!({ "learning_rate": "fast" }), "can't be fast"),
    ];
    for (parameters, expected) in wrong {
        let (status, problem) =
            send(&server, "POST", path, json!({ "parameters": parameters })).await;
        assert_eq!(status, 400, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(expected),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_requeued_trial_is_trained_once_more() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let (status, trial) = send(
        &server,
        "POST",
        "/api/studies/1/trials/0/requeue",
        json!({}),
    )
    .await;
    assert_eq!((status, &trial["state"]), (200, &"waiting".into()));
    assert!(matches!(worker.hears().await, ServerMessage::Stop(stop) if stop.lease == lease.token));
    let again = worker.leases().await;
    assert_eq!((again.trial, again.attempt), (lease.trial, 2));
    assert_eq!(
        (again.seed, again.parameters),
        (lease.seed, lease.parameters)
    );
    let (status, _) = send(
        &server,
        "POST",
        "/api/studies/1/trials/9/requeue",
        json!({}),
    )
    .await;
    assert_eq!(status, 404);
}

/// Three trials of two epochs each that rest after the first; one of the three goes on.
#[tokio::test]
async fn trials_rest_at_their_rung_and_the_best_goes_on_with_whoever_is_free() {
    let server = TestServer::empty().await;
    let text = server
        .study_file()
        .replace("epochs = 1", "epochs = 2")
        .replace(
            "trials = 2",
            "trials = 3\npruner = { type = \"asha\", min_epochs = 1, reduction_factor = 3 }",
        );
    studies::create(&server.app, &text).await.unwrap();
    let mut best = (0, 0);
    for _ in 0..3 {
        let mut worker = server.worker("worker").await;
        let lease = worker.leases().await;
        assert_eq!(lease.stops_at, Some(1));
        let rested = server.train_to(&lease, 1);
        server
            .upload(&lease.token, rested.sha256.as_str(), &rested.bytes)
            .await;
        let outcome = Outcome::Paused(Paused {
            epoch: 1,
            step: rested.step,
            state_sha256: rested.sha256.clone(),
            validation_correct: rested.correct,
            validation_count: rested.count,
        });
        let claim = Claim {
            lease: lease.token.clone(),
            outcome,
        };
        worker.says(WorkerMessage::Claim(claim)).await;
        assert!(matches!(worker.hears().await, ServerMessage::ClaimAnswer(answer) if answer.taken));
        let number = lease.trial.0;
        until("the rung's score is checked", async || {
            server.state_of(number).await == "paused"
        })
        .await;
        // Of equal scores the earlier trial is the better one.
        if number == 0 || rested.correct > best.1 {
            best = (number, rested.correct);
        }
    }
    let mut free = server.worker("free").await;
    let lease = free.leases().await;
    assert_eq!(lease.trial.0, best.0, "the best of three");
    assert!(lease.checkpoint.is_some(), "from where it rested");
    assert_eq!(lease.stops_at, Some(3));
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    free.says(trained.claim(&lease.token)).await;
    until("the study ends", async || {
        server.get("/api/studies/1").await["state"] == "finished"
    })
    .await;
    let counts = &server.get("/api/studies/1").await["counts"];
    assert_eq!(
        (&counts["verified"], &counts["paused"]),
        (&1.into(), &2.into())
    );
}

#[tokio::test]
async fn a_rung_that_was_not_reached_as_claimed_is_refused() {
    let server = TestServer::empty().await;
    let text = server
        .study_file()
        .replace("trials = 2", "trials = 2\npruner = \"asha\"")
        .replace("epochs = 1", "epochs = 2");
    studies::create(&server.app, &text).await.unwrap();
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let rested = server.train_to(&lease, 1);
    server
        .upload(&lease.token, rested.sha256.as_str(), &rested.bytes)
        .await;
    let outcome = Outcome::Paused(Paused {
        epoch: 1,
        step: rested.step,
        state_sha256: rested.sha256,
        validation_correct: rested.count,
        validation_count: rested.count,
    });
    let claim = Claim {
        lease: lease.token,
        outcome,
    };
    worker.says(WorkerMessage::Claim(claim)).await;
    until("the claim is rejected", async || {
        server.state_of(0).await == "waiting"
    })
    .await;
}
