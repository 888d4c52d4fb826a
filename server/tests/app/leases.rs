//! Who has which trial, and what becomes of it when they go.

use tabsweep_protocol::{
    NoWork, NoWorkReason, Progress, Release, ReleaseReason, ServerMessage, TrialNumber,
    WorkerMessage,
};

use crate::support::{TestServer, Worker, until};

fn progress(lease: &tabsweep_protocol::Lease) -> WorkerMessage {
    let (lease, step, steps) = (lease.token.clone(), 1, 5);
    WorkerMessage::Progress(Progress {
        lease,
        step,
        steps,
        loss: 2.0,
        images_per_sec: 10.0,
    })
}

#[tokio::test]
async fn idle_workers_are_told_why_and_served_when_there_is_work() {
    let server = TestServer::empty().await;
    let mut early = server.worker("early").await;
    assert_eq!(
        early.asks().await,
        ServerMessage::NoWork(NoWork {
            reason: NoWorkReason::NoStudy
        })
    );
    tabsweep_server::studies::create(&server.app, &server.study_file())
        .await
        .unwrap();
    assert!(matches!(early.hears().await, ServerMessage::Lease(lease) if lease.trial.0 == 0));
    server.worker("second").await.leases().await;
    let mut third = server.worker("third").await;
    let answer = third.asks().await;
    assert_eq!(
        answer,
        ServerMessage::NoWork(NoWork {
            reason: NoWorkReason::AllLeased
        })
    );
}

#[tokio::test]
async fn a_closed_socket_frees_the_trial_after_the_grace_with_its_checkpoint() {
    let server = TestServer::with_study().await;
    let mut first = server.worker("first").await;
    let lease = first.leases().await;
    let sha256 = first.checkpoints(&server, &lease, 3).await;
    drop(first);
    until("the server sees the socket close", async || {
        server.app.roster.connected().is_empty()
    })
    .await;
    server.pass_secs(4).await;
    assert_eq!(server.state_of(0).await, "running", "the grace is not over");
    server.pass_secs(2).await;
    assert_eq!(server.state_of(0).await, "waiting");
    let again = server.worker("second").await.leases().await;
    assert_eq!((again.trial, again.attempt), (TrialNumber(0), 2));
    let checkpoint = again.checkpoint.unwrap();
    assert_eq!((checkpoint.step, checkpoint.sha256), (3, sha256));
}

#[tokio::test]
async fn the_same_worker_may_come_back_and_go_on() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let token = worker.volunteer_token.clone();
    drop(worker);
    let mut back = Worker::connect(&server, &token, "worker", Some(lease.token.clone())).await;
    assert!(matches!(back.hears().await, ServerMessage::Welcome(welcome) if welcome.resumed));
    server.pass_secs(30).await;
    back.says(progress(&lease)).await;
    assert_eq!(server.state_of(0).await, "running");
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    back.claims(trained.claim(&lease.token)).await.unwrap();
    back.verdict().await.unwrap();
    assert_eq!(server.get("/api/studies/1/trials/0").await["attempts"], 1);
}

#[tokio::test]
async fn silence_ends_a_lease_and_the_late_worker_is_told() {
    let server = TestServer::with_study().await;
    let mut silent = server.worker("silent").await;
    let lease = silent.leases().await;
    server.pass_secs(61).await;
    assert_eq!(server.state_of(0).await, "waiting");
    let other = server.worker("other").await.leases().await;
    assert_eq!(other.trial, lease.trial);
    // What needs the store is refused at once, and says that the lease is lost.
    let trained = server.train(&lease);
    server
        .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
        .await;
    let refusal = silent
        .claims(trained.claim(&lease.token))
        .await
        .unwrap_err();
    assert_eq!(refusal, "a trial that is running can't be claimed");
    assert_eq!(server.state_of(0).await, "running");
}

#[tokio::test]
async fn a_late_claim_counts_while_nobody_else_has_the_trial() {
    let server = TestServer::with_study().await;
    let mut slow = server.worker("slow").await;
    let lease = slow.leases().await;
    let trained = server.train(&lease);
    server.pass_secs(61).await;
    assert_eq!(
        server
            .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
            .await,
        204
    );
    slow.claims(trained.claim(&lease.token)).await.unwrap();
    slow.verdict().await.unwrap();
    assert_eq!(server.state_of(0).await, "verified");
}

#[tokio::test]
async fn a_released_trial_is_free_at_once_and_attempts_are_bounded() {
    let server = TestServer::with_study().await;
    for attempt in 1..=3 {
        let mut worker = server.worker(&format!("worker {attempt}")).await;
        let lease = worker.leases().await;
        assert_eq!((lease.trial, lease.attempt), (TrialNumber(0), attempt));
        let reason = ReleaseReason::Failed;
        worker
            .says(WorkerMessage::Release(Release {
                lease: lease.token,
                reason,
            }))
            .await;
        until("it is given back", async || {
            server.state_of(0).await != "running"
        })
        .await;
    }
    let trial = server.get("/api/studies/1/trials/0").await;
    assert_eq!(trial["state"], "failed");
    assert_eq!(
        trial["reason"],
        "its workers could not train it (after 3 attempts that came to nothing)"
    );
}

#[tokio::test]
async fn one_stranger_can_not_use_up_a_trials_attempts() {
    let server = TestServer::with_study().await;
    let mut stranger = server.worker("stranger").await;
    for trial in 0..2 {
        let lease = stranger.leases().await;
        assert_eq!((lease.trial.0, lease.attempt), (trial, 1));
        let reason = ReleaseReason::Failed;
        stranger
            .says(WorkerMessage::Release(Release {
                lease: lease.token,
                reason,
            }))
            .await;
    }
    let answer = stranger.asks().await;
    assert!(matches!(answer, ServerMessage::NoWork(_)), "{answer:?}");
    assert_eq!(
        server.worker("honest").await.leases().await.trial,
        TrialNumber(0)
    );
}
