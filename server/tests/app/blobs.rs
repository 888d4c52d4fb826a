//! Who may read which bytes.

use crate::support::{TestServer, http};

#[tokio::test]
async fn data_is_public_packed_and_immutable_but_test_labels_are_not() {
    let server = TestServer::with_study().await;
    let study = server.app.store.studies().await.unwrap().remove(0);
    for blob in [&study.data.training, &study.data.validation] {
        let url = server.url(&format!("/api/blobs/{}", blob.sha256));
        let answer = http()
            .get(&url)
            .header("accept-encoding", "gzip")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        assert!(
            answer.headers()["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        let plain = http()
            .get(&url)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(plain.len() as u64, blob.bytes);
    }
    let url = server.url(&format!("/api/blobs/{}", study.data.test.sha256));
    assert_eq!(http().get(url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_checkpoint_is_for_who_goes_on_with_it() {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    let sha256 = worker.checkpoints(&server, &lease, 1).await;
    let url = server.url(&format!("/api/blobs/{sha256}"));
    let status = async |token: Option<&str>| {
        let request = http().get(&url);
        let request = token
            .iter()
            .fold(request, |request, token| request.bearer_auth(token));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(None).await, 404);
    assert_eq!(status(Some(&"0".repeat(32))).await, 404);
    assert_eq!(status(Some(lease.token.as_str())).await, 200);
}

#[tokio::test]
async fn uploads_need_a_lease_and_stale_ones_are_deleted() {
    let server = TestServer::with_study().await;
    let nobody = "0".repeat(32).parse().unwrap();
    let sha256 = tabsweep_trainer::sha256_hex(b"bytes");
    assert_eq!(server.upload(&nobody, &sha256, b"bytes").await, 401);
    let mut worker = server.worker("worker").await;
    let lease = worker.leases().await;
    assert_eq!(server.upload(&lease.token, &sha256, b"bytes").await, 204);
    let kept = worker.checkpoints(&server, &lease, 1).await;
    let stale = sha256.parse().unwrap();
    assert!(server.app.uploads.contains(&stale));
    server.app.clock.advance_secs(601);
    tabsweep_server::upkeep::clean(&server.app).await;
    assert!(!server.app.uploads.contains(&stale));
    assert!(
        server.app.uploads.contains(&kept),
        "a trial goes on from it"
    );
}
