//! A clock that is an hour off after a restart, either way.

use tabsweep_protocol::ServerMessage;

use crate::support::{TestServer, Worker, until};

const HOUR_SECS: i64 = 3_600;

/// A worker whose server comes back with another time of day goes on and claims.
async fn goes_on(shift_secs: i64) {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let token = worker.volunteer_token.clone();
    server.app.clock.shift_secs(shift_secs);
    let server = server.restarted().await;
    server.pass_secs(1).await;
    let mut back = Worker::connect(&server, &token, "worker", Some(lease.token.clone())).await;
    assert!(matches!(back.hears().await, ServerMessage::Welcome(welcome) if welcome.resumed));
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    back.claims(trained.claim(&lease.token)).await.unwrap();
    until("the claim is checked", async || {
        server.state_of(0).await == "verified"
    })
    .await;
}

/// A worker that does not come back loses its trial after the grace, not an hour later.
async fn is_freed(shift_secs: i64) {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    worker.leases().await;
    server.app.clock.shift_secs(shift_secs);
    let server = server.restarted().await;
    server.pass_secs(6).await;
    let lease = server.worker("other").await.leases().await;
    assert_eq!((lease.trial.0, lease.attempt), (0, 2));
}

#[tokio::test]
async fn an_hour_later_work_goes_on() {
    goes_on(HOUR_SECS).await;
    is_freed(HOUR_SECS).await;
}

#[tokio::test]
async fn an_hour_earlier_work_goes_on() {
    goes_on(-HOUR_SECS).await;
    is_freed(-HOUR_SECS).await;
}
