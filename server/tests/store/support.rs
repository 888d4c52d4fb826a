//! Empty databases of both kinds, and a study to store in them.

use std::path::PathBuf;

use tabsweep_cluster::{Cluster, ClusterError};
use tabsweep_protocol::{
    BlobRef, Finished, LeaseToken, Numerics, Outcome, Sha256, StudyId, VolunteerId,
};
use tabsweep_server::{
    store::{DataManifest, Leased, NextLease, Store, Work},
    studies,
};
use tabsweep_study::{Grant, LeasePolicy, Scores, Study, Timestamp};
use tempfile::TempDir;

pub const POLICY: LeasePolicy = LeasePolicy {
    lease_secs: 60,
    grace_secs: 10,
    max_attempts: 3,
};
pub const NUMERICS: Numerics = Numerics(1);
pub const NOW: Timestamp = Timestamp(1_000_000);

pub fn later(secs: i64) -> Timestamp {
    Timestamp(NOW.0 + secs * 1000)
}

/// Where a store is, so that it can be opened again.
pub enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Place {
    pub async fn open(&self) -> Store {
        match self {
            Self::Sqlite(file) => Store::open(file).await.unwrap(),
            Self::Postgres(url) => Store::connect(url).await.unwrap(),
        }
    }
}

/// A cluster and the folder that it is in, which outlives it; none where PostgreSQL is not installed.
pub fn cluster() -> Option<(TempDir, Cluster)> {
    let folder = tempfile::tempdir().unwrap();
    match Cluster::start(folder.path()) {
        Err(error @ ClusterError::NotInstalled) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        started => Some((folder, started.unwrap())),
    }
}

/// A study of `trials` trials with `more` lines before its space.
pub fn study(trials: u32, more: &str) -> Study {
    let text = format!(
        "name = \"s\"\ndataset = \"d\"\ntrials = {trials}\nseed = 1\nsampler = \"random\"\n{more}\n\
         [space]\nepochs = 2\n\
         learning_rate = {{ type = \"float\", low = 1e-3, high = 1e-2, log = true }}\n"
    );
    studies::parse(&text).unwrap()
}

pub fn hash(number: u32) -> Sha256 {
    format!("{number:064x}").parse().unwrap()
}

pub fn data() -> DataManifest {
    let blob = |number| BlobRef {
        sha256: hash(number),
        bytes: 1,
    };
    DataManifest {
        name: "d".to_owned(),
        classes: 10,
        height: 28,
        width: 28,
        training: blob(1),
        validation: blob(2),
        test: blob(3),
    }
}

/// A store with a running study and somebody to train it.
pub async fn with_study(store: &Store, trials: u32, more: &str) -> (StudyId, VolunteerId) {
    let study = study(trials, more);
    let id = store.add_study(&study, &data(), NOW).await.unwrap();
    (id, volunteer(store, "ada").await)
}

pub async fn volunteer(store: &Store, nickname: &str) -> VolunteerId {
    let token = format!("token of {nickname}");
    store.add_volunteer(nickname, &token, NOW).await.unwrap()
}

pub fn grant(volunteer: VolunteerId) -> Grant {
    Grant {
        token: tabsweep_server::secret::lease_token(),
        volunteer,
        worker: "00000000000000aa".parse().unwrap(),
    }
}

pub async fn ask(store: &Store, volunteer: VolunteerId, now: Timestamp) -> NextLease {
    let grant = grant(volunteer);
    store
        .lease_next(&grant, POLICY, NUMERICS, now)
        .await
        .unwrap()
}

pub async fn lease(store: &Store, volunteer: VolunteerId) -> (LeaseToken, Leased) {
    match ask(store, volunteer, NOW).await {
        NextLease::Trial(leased) => {
            let token = leased.trial.current_lease().unwrap().token.clone();
            (token, *leased)
        }
        other => panic!("expected a lease, found {other:?}"),
    }
}

pub fn finished(sha256: Sha256) -> Outcome {
    Outcome::Finished(Finished {
        weights_sha256: sha256,
        validation_correct: 9,
        validation_count: 10,
    })
}

pub const SCORES: Scores = Scores {
    validation: 0.9,
    test: 0.8,
};

pub const WORK: Work = Work {
    steps: 14,
    steps_per_epoch: 7,
    multiply_adds_per_epoch: 1_000,
};

/// Uploads weights and claims with them.
pub async fn claim(store: &Store, token: &LeaseToken, volunteer: VolunteerId, weights: u32) {
    store
        .add_upload(token, &hash(weights), 10, NOW)
        .await
        .unwrap();
    let outcome = finished(hash(weights));
    store
        .claimed(token, volunteer, &outcome, NOW)
        .await
        .unwrap();
}
