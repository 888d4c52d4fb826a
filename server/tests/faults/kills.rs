//! `kill -9` at any moment, a hundred times over.

use std::{path::Path, time::Duration};

use crate::support::{Server, Storage, cluster, load, nothing_is_lost};

const KILLS: u32 = 100;
const KILLS_ON_POSTGRES: u32 = 20;

/// Between two kills, in milliseconds: seeded, so that a run can be repeated. SplitMix64 (Steele,
/// Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn lives_millis(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        300 + (z ^ (z >> 31)) % 1_200
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "takes two minutes; `cargo xtask test` runs it"]
async fn a_hundred_kills_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    kills_lose_nothing(folder.path(), Storage::Alone(state), KILLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "takes half a minute; `cargo xtask test` runs it"]
async fn kills_lose_nothing_on_postgres() {
    let Some((_cluster_folder, cluster)) = cluster() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (url, state) = (
        cluster.fresh_database().unwrap(),
        folder.path().join("state"),
    );
    let storage = Storage::Postgres { url, state };
    kills_lose_nothing(folder.path(), storage, KILLS_ON_POSTGRES).await;
}

async fn kills_lose_nothing(folder: &Path, storage: Storage, kills: u32) {
    let mut server = Server::start(folder, storage);
    let simulation = load(vec![server.url()], 40).await;
    for (kill, life_millis) in (1..=kills).zip(lives_millis(2016)) {
        tokio::time::sleep(Duration::from_millis(life_millis)).await;
        server.kill();
        server.start_again();
        if kill % 10 == 0 {
            let claims = simulation.figures().acknowledged().len();
            println!("{kill} kills, {claims} claims acknowledged");
        }
    }
    let claims = simulation.figures().acknowledged().len();
    assert!(
        claims > 3 * kills as usize,
        "only {claims} claims: the server was hardly under load"
    );
    nothing_is_lost(&server, &simulation).await;
}
