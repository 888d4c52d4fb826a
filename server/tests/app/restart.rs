//! What a server knows after it was gone.

use tabsweep_protocol::ServerMessage;

use crate::support::{TestServer, Worker, until};

#[tokio::test]
async fn a_worker_goes_on_after_a_restart_and_its_claim_counts_once() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let token = worker.volunteer_token.clone();
    let sha256 = worker.checkpoints(&server, &lease, 2).await;
    let server = server.restarted().await;
    let trial = server.get("/api/studies/1/trials/0").await;
    assert_eq!(
        (&trial["state"], &trial["checkpoint_step"]),
        (&"running".into(), &2.into())
    );
    assert!(server.app.uploads.contains(&sha256));
    let mut back = Worker::connect(&server, &token, "worker", Some(lease.token.clone())).await;
    assert!(matches!(back.hears().await, ServerMessage::Welcome(welcome) if welcome.resumed));
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    back.claims(trained.claim(&lease.token)).await.unwrap();
    let server = server.restarted().await;
    until("the claim is checked after another restart", async || {
        server.state_of(0).await == "verified"
    })
    .await;
    assert_eq!(server.get("/api/studies/1/trials/0").await["attempts"], 1);
}

#[tokio::test]
async fn a_worker_that_does_not_come_back_loses_its_trial() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    worker.leases().await;
    let server = server.restarted().await;
    server.pass_secs(6).await;
    let lease = server.worker("other").await.leases().await;
    assert_eq!((lease.trial.0, lease.attempt), (0, 2));
}
