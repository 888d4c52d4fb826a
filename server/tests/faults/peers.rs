//! Three servers on one PostgreSQL and one bucket, of which any may be killed.

use crate::{
    bucket::Bucket,
    support::{Server, Storage, cluster, load, nothing_is_lost, until},
};

const KILLS: usize = 6;
const WORKERS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute; `cargo xtask test` runs it"]
async fn any_of_three_servers_may_be_killed() {
    let Some((_cluster_folder, cluster)) = cluster() else {
        return;
    };
    let bucket = Bucket::default();
    let storage = Storage::Shared {
        url: cluster.fresh_database().unwrap(),
        endpoint: bucket.serve().await,
    };
    let folder = tempfile::tempdir().unwrap();
    let mut servers: Vec<_> = ["first", "second", "third"]
        .map(|name| {
            let own = folder.path().join(name);
            std::fs::create_dir(&own).unwrap();
            Server::start(&own, storage.clone())
        })
        .into();
    let urls = servers.iter().map(Server::url).collect();
    let simulation = load(urls, WORKERS).await;
    for server in &servers {
        until("all workers are seen on every server", async || {
            let (_, study) = server.ask("/api/studies/1").await;
            study["workers"]
                .as_array()
                .is_some_and(|workers| workers.len() == WORKERS)
        })
        .await;
    }
    let claims = || simulation.figures().acknowledged().len();
    for kill in 0..KILLS {
        until("claims are taken", async || claims() > 10).await;
        // What happens on one is seen on all.
        for server in &servers {
            server.study_changes().await;
        }
        let killed = kill % servers.len();
        servers[killed].kill();
        let before = claims();
        until("the others go on", async || claims() > before + 20).await;
        servers[killed].start_again();
    }
    for server in &servers {
        nothing_is_lost(server, &simulation).await;
    }
    assert!(bucket.count("sweeps/here/uploads/") > 0);
    assert!(bucket.count("sweeps/here/data/") > 0);
}
