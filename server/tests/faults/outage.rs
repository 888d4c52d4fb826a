//! The database is stopped and started while workers go on.

use tabsweep_cluster::Stop;

use crate::support::{Server, Storage, cluster, load, nothing_is_lost, register, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute; `cargo xtask test` runs it"]
async fn a_database_that_stops_and_starts_loses_nothing() {
    let Some((_cluster_folder, cluster)) = cluster() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (url, state) = (
        cluster.fresh_database().unwrap(),
        folder.path().join("state"),
    );
    let server = Server::start(folder.path(), Storage::Postgres { url, state });
    let simulation = load(vec![server.url()], 20).await;
    let claims = || simulation.figures().acknowledged().len();
    for how in [Stop::Fast, Stop::Immediate] {
        let before = claims();
        until("claims are taken", async || claims() > before + 20).await;
        cluster.stop(how).unwrap();
        let (status, problem) = register(&server).await;
        assert_eq!(
            (status, problem["type"].as_str()),
            (503, Some("unavailable")),
            "{problem}"
        );
        cluster.start_again().unwrap();
        until("the server is well again", async || {
            register(&server).await.0 == 201
        })
        .await;
    }
    let before = claims();
    until("claims are taken again", async || claims() > before + 20).await;
    nothing_is_lost(&server, &simulation).await;
}
