//! What holds for labelling jobs on either database.

use tabsweep_protocol::{
    Answer, BlobRef, ChunkNumber, JobId, Label, LabelModel, LeaseToken, Parameters, Seed,
    VolunteerId,
};
use tabsweep_server::store::{
    ChunkRef, JobDefinition, JobPicture, LeasedChunk, NextLease, Store, StoreError,
};
use tabsweep_study::{Chunk, ChunkState};

use crate::support::{
    NOW, NUMERICS, POLICY, Place, ask, cluster, hash, later, volunteer, with_study,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_hold_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name| Place::Sqlite(folder.path().join(name));
    studies_and_jobs_take_turns_by_weight(place("turns")).await;
    a_verdict_on_labels_counts_once(place("verdicts")).await;
    chunks_are_spared_after_an_outage(place("outage")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_hold_on_postgres() {
    let Some((_folder, cluster)) = cluster() else {
        return;
    };
    let place = || Place::Postgres(cluster.fresh_database().unwrap());
    studies_and_jobs_take_turns_by_weight(place()).await;
    a_verdict_on_labels_counts_once(place()).await;
    chunks_are_spared_after_an_outage(place()).await;
}

/// A job of `chunks` chunks with one picture each.
async fn with_job(store: &Store, chunks: u32, weight: f64) -> JobId {
    let definition = JobDefinition {
        name: "j".to_owned(),
        model: LabelModel::Trial {
            parameters: Parameters::new(),
            classes: 10,
            height: 28,
            width: 28,
            weights: BlobRef {
                sha256: hash(9),
                bytes: 1,
            },
        },
        model_name: "m".to_owned(),
        top: 1,
        seed: Seed(1),
        numerics: NUMERICS,
    };
    let picture = |number| JobPicture {
        name: format!("{number}.png"),
        content: Ok(hash(100 + number)),
    };
    let pictures: Vec<_> = (0..chunks).map(picture).collect();
    let chunk = |number| (Chunk::new(ChunkNumber(number), number, 1, false), 1);
    let chunks: Vec<_> = (0..chunks).map(chunk).collect();
    let job = store.add_job(&definition, weight, &pictures, &chunks, NOW);
    job.await.unwrap()
}

async fn lease_chunk(store: &Store, volunteer: VolunteerId) -> (LeaseToken, LeasedChunk) {
    match ask(store, volunteer, NOW).await {
        NextLease::Chunk(leased) => {
            let token = leased.chunk.current_lease().unwrap().token.clone();
            (token, *leased)
        }
        other => panic!("expected a chunk, found {other:?}"),
    }
}

async fn studies_and_jobs_take_turns_by_weight(place: Place) {
    let store = place.open().await;
    let (_, ada) = with_study(&store, 20, "").await;
    with_job(&store, 20, 2.0).await;
    let mut chunks = 0;
    for asked in 1..=9 {
        if let NextLease::Chunk(_) = ask(&store, ada, NOW).await {
            chunks += 1;
        }
        // Two for each trial, as they have twice the weight.
        let expected = f64::from(asked) * 2.0 / 3.0;
        assert!(
            (f64::from(chunks) - expected).abs() <= 1.0,
            "{chunks} of {asked}"
        );
    }
}

async fn a_verdict_on_labels_counts_once(place: Place) {
    let store = place.open().await;
    let ada = volunteer(&store, "ada").await;
    let job = with_job(&store, 1, 1.0).await;
    let (token, leased) = lease_chunk(&store, ada).await;
    let number = leased.chunk.number;
    let answers = hash(50);
    store.add_answers(&token, &answers, 1, NOW).await.unwrap();
    store.labelled(&token, ada, &answers, NOW).await.unwrap();
    // Another server looks at the labels at the same time.
    let other = match &place {
        Place::Postgres(_) => place.open().await,
        Place::Sqlite(_) => store.clone(),
    };
    let mut looks = Vec::new();
    for server in [&store, &other] {
        let (_, seen) = server.next_labels(NOW, &[]).await.unwrap().unwrap();
        looks.push((server, ChunkRef { job, number, seen }));
    }
    let label = Label {
        class: 3,
        score: 1.0,
    };
    let labels = [Answer::Labels(vec![label])];
    let mut taken = Vec::new();
    for (server, look) in &looks {
        taken.push(server.labels_judged(look, &answers, &labels, NOW).await);
    }
    assert!(taken[0].is_ok(), "{taken:?}");
    assert!(
        matches!(taken[1], Err(StoreError::ChunkChanged)),
        "{taken:?}"
    );
    let chunk = store.chunk(job, number).await.unwrap().unwrap();
    assert!(matches!(chunk.state, ChunkState::Done(_)));
    assert_eq!(store.volunteer(ada).await.unwrap().verified, 1);
    assert_eq!(store.job_progress(job).await.unwrap().labelled, 1);
}

async fn chunks_are_spared_after_an_outage(place: Place) {
    let store = place.open().await;
    let ada = volunteer(&store, "ada").await;
    with_job(&store, 1, 1.0).await;
    let (token, _) = lease_chunk(&store, ada).await;
    store.spare_leases(POLICY, later(65)).await.unwrap();
    assert_eq!(store.expire_chunks(POLICY, later(70)).await.unwrap(), 0);
    store
        .chunk_heard(&token, ada, POLICY, later(71))
        .await
        .unwrap();
    assert_eq!(store.expire_chunks(POLICY, later(130)).await.unwrap(), 0);
    assert_eq!(store.expire_chunks(POLICY, later(132)).await.unwrap(), 1);
}
