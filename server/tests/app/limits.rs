//! What a socket may do, and that it is told why it was closed.

use tabsweep_protocol::{ServerMessage, WorkerMessage};

use crate::support::{TestServer, Worker, hello};

async fn close_of(worker: &mut Worker) -> (u16, String) {
    let frame = worker.hears_close().await;
    (frame.code.into(), frame.reason.to_string())
}

#[tokio::test]
async fn malformed_and_oversized_messages_close_that_socket_only() {
    let server = TestServer::with_study().await;
    let mut honest = server.worker("honest").await;
    let mut broken = server.worker("broken").await;
    broken.says_text("{\"type\":\"dance\"}".to_owned()).await;
    let (code, reason) = close_of(&mut broken).await;
    assert_eq!(code, 1007);
    assert!(reason.contains("unknown variant `dance`"), "{reason}");
    for bytes in [20_000, 1_000_000] {
        let mut huge = server.worker("huge").await;
        huge.says_text(" ".repeat(bytes)).await;
        let (code, reason) = close_of(&mut huge).await;
        assert_eq!(code, 1009, "{reason}");
        assert!(reason.contains("at most 16384"), "{reason}");
    }
    assert!(matches!(honest.asks().await, ServerMessage::Lease(_)));
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let server = TestServer::empty().await;
    let mut flood = server.worker("flood").await;
    for _ in 0..100 {
        flood.says(WorkerMessage::Ready {}).await;
    }
    let (code, reason) = close_of(&mut flood).await;
    assert_eq!(
        (code, reason.as_str()),
        (1008, "more than 20 messages per second")
    );
}

#[tokio::test]
async fn strangers_and_old_builds_are_told_what_to_do() {
    let server = TestServer::empty().await;
    let mut stranger = Worker::connect(&server, "nobody", "stranger", None).await;
    assert_eq!(close_of(&mut stranger).await.0, 4002);
    let token = server.register("old").await;
    let mut old = Worker::silent(&server, &token).await;
    let mut greeting = hello(&token, "old", None);
    greeting.build = "yesterday".into();
    old.says(WorkerMessage::Hello(greeting)).await;
    let (code, reason) = close_of(&mut old).await;
    assert_eq!(code, 4001);
    assert!(reason.contains("reload"), "{reason}");
    let mut rude = Worker::silent(&server, &token).await;
    rude.says(WorkerMessage::Ready {}).await;
    assert_eq!(close_of(&mut rude).await.0, 1008);
}

#[tokio::test]
async fn a_second_socket_of_the_same_worker_replaces_the_first() {
    let server = TestServer::with_study().await;
    let mut first = server.worker("worker").await;
    let lease = first.leases().await;
    let token = first.volunteer_token.clone();
    let mut second = Worker::connect(&server, &token, "worker", Some(lease.token)).await;
    assert!(matches!(second.hears().await, ServerMessage::Welcome(welcome) if welcome.resumed));
    assert_eq!(close_of(&mut first).await.0, 4003);
    assert_eq!(server.app.roster.connected().len(), 1);
    assert_eq!(server.state_of(0).await, "running");
}

#[tokio::test]
async fn one_address_has_so_many_sockets_and_no_more() {
    let server = TestServer::empty().await;
    let mut workers = Vec::new();
    for number in 0..12 {
        workers.push(server.worker(&format!("worker {number}")).await);
    }
    let url = format!("ws://{}/api/work", server.address);
    let refused = tokio_tungstenite::connect_async(url).await.unwrap_err();
    assert!(refused.to_string().contains("429"), "{refused}");
}
