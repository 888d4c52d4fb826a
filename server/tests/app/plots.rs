//! What plots are made of, from trials that a worker really trained.

use crate::support::{TestServer, Worker, until};

/// Finishes the next trial.
async fn finish(server: &TestServer, worker: &mut Worker) {
    let lease = worker.leases().await;
    server.app.clock.advance_secs(10);
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    worker.says(trained.claim(&lease.token)).await;
    // The answer, then the verdict.
    worker.hears().await;
    worker.hears().await;
    until("the trial is verified", async || {
        server.state_of(lease.trial.0).await == "verified"
    })
    .await;
}

#[tokio::test]
async fn columns_are_about_the_same_trials_as_the_leaderboard() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("Ada").await;
    finish(&server, &mut worker).await;
    finish(&server, &mut worker).await;
    let columns = server.get("/api/studies/1/plots/trials").await;
    assert_eq!(columns["total"], 2);
    assert_eq!(columns["stride"], 1);
    assert_eq!(columns["number"], serde_json::json!([0, 1]));
    assert_eq!(
        columns["state"],
        serde_json::json!(["verified", "verified"])
    );
    let swept: Vec<_> = columns["parameters"].as_object().unwrap().keys().collect();
    assert_eq!(swept, ["learning_rate"], "what is fixed is left out");
    let leader = &server.get("/api/studies/1/leaderboard").await[0];
    let best = &columns["best"];
    let last = best["trial"].as_array().unwrap().len() - 1;
    assert_eq!(best["trial"][last], leader["trial"]);
    assert_eq!(best["score"][last], leader["validation_score"]);
}

#[tokio::test]
async fn a_change_is_seen_once_the_kept_answer_is_old() {
    let server = TestServer::with_study().await;
    let total = async || server.get("/api/studies/1/plots/trials").await["total"].clone();
    assert_eq!(total().await, 0);
    let mut worker = server.worker("Ada").await;
    let _lease = worker.leases().await;
    assert_eq!(total().await, 0, "kept");
    server.app.clock.advance_secs(2);
    assert_eq!(total().await, 1);
}

#[tokio::test]
async fn work_shows_lost_leases_and_who_went_on() {
    let server = TestServer::with_study().await;
    let mut first = server.worker("Ada").await;
    let lease = first.leases().await;
    server.pass_secs(61).await;
    let mut second = server.worker("Blaise").await;
    let again = second.leases().await;
    assert_eq!(again.trial, lease.trial);
    let work = server.get("/api/studies/1/plots/work").await;
    let names: Vec<_> = [0, 1]
        .map(|place| work["workers"][place]["volunteer"]["nickname"].clone())
        .into();
    assert_eq!(names, ["Ada", "Blaise"]);
    let leases = &work["leases"];
    assert_eq!(leases["worker"], serde_json::json!([0, 1]));
    assert_eq!(leases["attempt"], serde_json::json!([1, 2]));
    assert_eq!(leases["ended"], serde_json::json!(["expired", null]));
}

#[tokio::test]
async fn curves_are_empty_before_the_first_epoch_and_unknown_studies_have_none() {
    let server = TestServer::with_study().await;
    let curves = server.get("/api/studies/1/plots/curves").await;
    assert_eq!(curves, serde_json::json!({ "total": 0, "curves": [] }));
    for plot in ["trials", "curves", "work"] {
        let problem = server.get(&format!("/api/studies/9/plots/{plot}")).await;
        assert_eq!(problem["type"], "not_found");
    }
}
