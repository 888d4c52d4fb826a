//! What is believed, and what is not.

use tabsweep_protocol::{
    Claim, LeaseToken, NoWork, NoWorkReason, Outcome, ServerMessage, TrialNumber, WorkerMessage,
};
use tabsweep_trainer::sha256_hex;

use crate::support::{TestServer, Trained, Worker, http, until};

async fn finish(server: &TestServer, worker: &mut Worker) -> (LeaseToken, Trained) {
    let lease = worker.leases().await;
    let trained = server.train(&lease);
    let sha256 = trained.sha256();
    assert_eq!(
        server
            .upload(&lease.token, sha256.as_str(), &trained.weights)
            .await,
        204
    );
    (lease.token, trained)
}

#[tokio::test]
async fn honest_work_is_verified_ranked_and_credited() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("ada").await;
    for _ in 0..2 {
        let (token, trained) = finish(&server, &mut worker).await;
        worker.claims(trained.claim(&token)).await.unwrap();
        worker.verdict().await.unwrap();
    }
    let rows = server.get("/api/studies/1/leaderboard").await;
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["rank"], 1);
    assert_eq!(rows[0]["volunteer"]["nickname"], "ada");
    assert!(rows[0]["validation_score"].as_f64() >= rows[1]["validation_score"].as_f64());
    assert_eq!(server.get("/api/studies/1").await["state"], "finished");
    let answer = worker.asks().await;
    assert_eq!(
        answer,
        ServerMessage::NoWork(NoWork {
            reason: NoWorkReason::AllFinished
        })
    );
    let models = server.get("/api/models").await;
    assert_eq!(models.as_array().unwrap().len(), 2);
    let worst = models[1]["weights_sha256"].as_str().unwrap();
    let found = server.get(&format!("/api/models/{worst}")).await;
    assert_eq!(found, models[1]);
    let unknown = server.url(&format!("/api/models/{}", "0".repeat(64)));
    assert_eq!(http().get(unknown).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_hash_that_was_not_uploaded_is_refused() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("forger").await;
    let lease = worker.leases().await;
    let trained = server.train(&lease);
    let refusal = worker
        .claims(trained.claim(&lease.token))
        .await
        .unwrap_err();
    assert_eq!(refusal, "the lease has uploaded no blob with this hash");
    let other = sha256_hex(b"other");
    assert_eq!(
        server.upload(&lease.token, &other, &trained.weights).await,
        400
    );
}

#[tokio::test]
async fn a_wrong_score_is_rejected_and_the_trial_goes_to_somebody_else() {
    let server = TestServer::with_study().await;
    let mut forger = server.worker("forger").await;
    let (token, mut trained) = finish(&server, &mut forger).await;
    trained.correct += 1;
    forger.claims(trained.claim(&token)).await.unwrap();
    let complaint = forger.verdict().await.unwrap_err();
    assert!(complaint.starts_with("claimed"), "{complaint}");
    assert_eq!(server.state_of(0).await, "waiting");
    assert_eq!(
        forger.leases().await.trial,
        TrialNumber(1),
        "not the same again"
    );
    let honest = server.worker("honest").await.leases().await;
    assert_eq!((honest.trial, honest.attempt), (TrialNumber(0), 2));
}

#[tokio::test]
async fn weights_of_another_shape_are_rejected() {
    let server = TestServer::with_study().await;
    let mut forger = server.worker("forger").await;
    let lease = forger.leases().await;
    let mut wider = lease.clone();
    wider
        .parameters
        .insert("hidden_units".into(), tabsweep_protocol::Value::Int(9));
    let trained = server.train(&wider);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    forger.claims(trained.claim(&lease.token)).await.unwrap();
    let complaint = forger.verdict().await.unwrap_err();
    assert!(complaint.contains("weights can't be used"), "{complaint}");
}

#[tokio::test]
async fn anothers_lease_and_a_repeated_claim_are_refused() {
    let server = TestServer::with_study().await;
    let mut honest = server.worker("honest").await;
    let (token, trained) = finish(&server, &mut honest).await;
    let mut thief = server.worker("thief").await;
    let refusal = thief.claims(trained.claim(&token)).await.unwrap_err();
    assert_eq!(refusal, "the lease belongs to another volunteer");
    honest.claims(trained.claim(&token)).await.unwrap();
    honest.says(trained.claim(&token)).await;
    let mut answers = vec![honest.hears().await, honest.hears().await];
    answers.retain(|answer| matches!(answer, ServerMessage::ClaimAnswer(answer) if !answer.taken));
    assert_eq!(answers.len(), 1, "the second claim is refused");
    until("verified", async || server.state_of(0).await == "verified").await;
    let rows = server.get("/api/studies/1/leaderboard").await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn weights_copied_from_the_leaderboard_are_refused() {
    let server = TestServer::with_study().await;
    let mut honest = server.worker("honest").await;
    let (token, trained) = finish(&server, &mut honest).await;
    honest.claims(trained.claim(&token)).await.unwrap();
    honest.verdict().await.unwrap();
    let mut copier = server.worker("copier").await;
    let lease = copier.leases().await;
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    let refusal = copier
        .claims(trained.claim(&lease.token))
        .await
        .unwrap_err();
    assert_eq!(refusal, "these are the weights of another trial");
}

#[tokio::test]
async fn a_divergence_is_believed_only_when_it_happens() {
    let server = TestServer::with_study().await;
    let mut liar = server.worker("liar").await;
    let lease = liar.leases().await;
    let outcome = Outcome::Diverged { step: 3 };
    liar.claims(WorkerMessage::Claim(Claim {
        lease: lease.token,
        outcome,
    }))
    .await
    .unwrap();
    let complaint = liar.verdict().await.unwrap_err();
    assert_eq!(complaint, "the loss is still a number at step 3");
    assert_eq!(server.state_of(0).await, "waiting");
}

#[tokio::test]
async fn who_is_wrong_again_and_again_gets_no_work() {
    let server = TestServer::empty().await;
    let many = server.study_file().replace("trials = 2", "trials = 5");
    tabsweep_server::studies::create(&server.app, &many)
        .await
        .unwrap();
    let mut liar = server.worker("liar").await;
    for _ in 0..3 {
        let (token, mut trained) = finish(&server, &mut liar).await;
        trained.correct = 0;
        trained.count += 1;
        liar.claims(trained.claim(&token)).await.unwrap();
        liar.verdict().await.unwrap_err();
    }
    assert_eq!(
        liar.asks().await,
        ServerMessage::NoWork(NoWork {
            reason: NoWorkReason::NotTrusted
        })
    );
}
