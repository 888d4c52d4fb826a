//! Creating a labelling job: find its model, keep that beside the pictures, and cut those into chunks.

use tabsweep_protocol::{BlobRef, JobId, LabelModel, Seed, Sha256, StudyId, TrialNumber};
use tabsweep_study::{ChunkSize, TrialState, cut};

use crate::{
    app::App,
    blobs::BlobError,
    secret::random_hex,
    store::{JobDefinition, JobPicture, StoreError, StoredStudy},
    study_file::{LEAST_WEIGHT, MOST_WEIGHT},
    verification::NUMERICS,
};

/// Most labels for each picture.
pub const MOST_TOP: u32 = 100;
/// Most pictures of a job.
pub const MOST_PICTURES: usize = 500_000;
/// Longest name, of a job and of a picture, in characters.
pub const MOST_NAME_CHARS: usize = 500;
/// Pictures of a chunk: some seconds of work where decoding costs more than the model.
const CHUNK_PICTURES: usize = 500;
/// The least that is worth a lease.
const LEAST_CHUNK_PICTURES: usize = 16;
/// Chunks that a small job has at least, so that several workers share it.
const LEAST_CHUNKS: usize = 16;
/// Bytes of a chunk: what a slow line brings in some seconds.
const CHUNK_BYTES: u64 = 16 << 20;

/// Whose model is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelChoice {
    /// That of the best verified trial of all studies.
    Best,
    /// That of this trial.
    Trial(StudyId, TrialNumber),
    /// The bundle with this hash.
    Bundle(Sha256),
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// For people.
    pub name: String,
    /// Whose model is used.
    pub model: ModelChoice,
    /// How many labels each picture gets.
    pub top: u32,
    /// Its share of the workers.
    pub weight: f64,
    /// The pictures.
    pub pictures: Vec<JobPicture>,
}

/// Why a job can't be created.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Nothing has been verified yet.
    #[error("there is no verified trial whose model could be used")]
    NoModel,
    /// The trial has no model.
    #[error("trial {trial} of study {study} is not verified, so it has no model")]
    NotVerified {
        /// The study.
        study: StudyId,
        /// The trial.
        trial: TrialNumber,
    },
    /// There is no such bundle.
    #[error("there is no bundle {sha256}")]
    NoBundle {
        /// Its hash.
        sha256: Sha256,
    },
    /// A figure is out of its range.
    #[error("`{name}` must be from {low} to {high}, found {found}")]
    OutOfRange {
        /// Which figure.
        name: &'static str,
        /// The least it may be.
        low: f64,
        /// The most it may be.
        high: f64,
        /// What it was to be.
        found: f64,
    },
    /// A picture's bytes were not uploaded.
    #[error("the picture {name} ({sha256}) has not been uploaded")]
    UnknownPicture {
        /// Its name.
        name: String,
        /// Its hash.
        sha256: Sha256,
    },
    /// The model's bytes are gone.
    #[error("the model's file {sha256} is not on disk")]
    ModelGone {
        /// Their hash.
        sha256: Sha256,
    },
    /// Blobs can't be read or kept.
    #[error(transparent)]
    Blob {
        /// Why not.
        #[from]
        source: BlobError,
    },
    /// The database failed.
    #[error(transparent)]
    Store {
        /// How.
        #[from]
        source: StoreError,
    },
}

/// Creates a job.
///
/// # Errors
/// There is no such model, a figure is out of its range, a picture is unknown, or the disk or the
/// database failed.
pub async fn create(app: &App, job: NewJob) -> Result<JobId, JobError> {
    check(&job)?;
    let _nothing_is_deleted = app.data_lock.read().await;
    let (model, model_name) = model(app, job.model).await?;
    let (mut pictures, bad): (Vec<_>, Vec<_>) = job
        .pictures
        .into_iter()
        .partition(|picture| picture.content.is_ok());
    let mut sizes = Vec::with_capacity(pictures.len());
    for picture in &pictures {
        sizes.push(size(app, picture).await?);
    }
    let seed = Seed(u64::from_str_radix(&random_hex(8), 16).expect("16 hexadecimal digits"));
    let chunks = cut(&sizes, chunk_size(sizes.len()), seed);
    let chunks: Vec<_> = chunks
        .into_iter()
        .map(|chunk| {
            let range = chunk.first as usize..(chunk.first + chunk.pictures) as usize;
            let bytes = sizes[range].iter().sum();
            (chunk, bytes)
        })
        .collect();
    pictures.extend(bad);
    let definition = JobDefinition {
        name: job.name,
        model,
        model_name,
        top: job.top,
        seed,
        numerics: NUMERICS,
    };
    let now = app.clock.now();
    let id = app
        .store
        .add_job(&definition, job.weight, &pictures, &chunks, now)
        .await?;
    app.work_may_exist();
    Ok(id)
}

/// Whether a job may have this share of the workers.
///
/// # Errors
/// It is out of its range.
pub fn check_weight(weight: f64) -> Result<(), JobError> {
    in_range("weight", weight, LEAST_WEIGHT, MOST_WEIGHT)
}

fn in_range(name: &'static str, found: f64, low: f64, high: f64) -> Result<(), JobError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(JobError::OutOfRange {
        name,
        low,
        high,
        found,
    })
}

fn check(job: &NewJob) -> Result<(), JobError> {
    check_weight(job.weight)?;
    for name in job
        .pictures
        .iter()
        .map(|picture| &picture.name)
        .chain([&job.name])
    {
        let characters = name.chars().count() as f64;
        in_range(
            "characters of a name",
            characters,
            1.0,
            MOST_NAME_CHARS as f64,
        )?;
    }
    let pictures = job.pictures.len() as f64;
    in_range("top", f64::from(job.top), 1.0, f64::from(MOST_TOP))?;
    in_range("pictures", pictures, 1.0, MOST_PICTURES as f64)
}

fn chunk_size(pictures: usize) -> ChunkSize {
    let most_pictures = pictures
        .div_ceil(LEAST_CHUNKS)
        .clamp(LEAST_CHUNK_PICTURES, CHUNK_PICTURES);
    ChunkSize {
        most_pictures: most_pictures as u32,
        most_bytes: CHUNK_BYTES,
    }
}

async fn size(app: &App, picture: &JobPicture) -> Result<u64, JobError> {
    let JobPicture { name, content } = picture;
    let Ok(sha256) = content else { return Ok(0) };
    let bytes = app.store.picture_bytes(sha256).await?;
    bytes.ok_or_else(|| JobError::UnknownPicture {
        name: name.clone(),
        sha256: sha256.clone(),
    })
}

async fn model(app: &App, choice: ModelChoice) -> Result<(LabelModel, String), JobError> {
    let (study, trial) = match choice {
        ModelChoice::Best => {
            let best = app.store.models(1).await?.pop().ok_or(JobError::NoModel)?;
            (best.study.id, best.row.trial.number)
        }
        ModelChoice::Trial(study, trial) => (study, trial),
        ModelChoice::Bundle(sha256) => return bundle(app, sha256).await,
    };
    let not_verified = || JobError::NotVerified { study, trial };
    let stored = app.store.study(study).await?.ok_or_else(not_verified)?;
    let found = app.store.trial(study, trial).await?;
    let found = found.ok_or_else(not_verified)?;
    let TrialState::Verified(verified) = found.state else {
        return Err(not_verified());
    };
    let weights = keep_weights(app, verified.weights_sha256).await?;
    let StoredStudy {
        study: defined,
        data,
        ..
    } = stored;
    let model = LabelModel::Trial {
        parameters: found.parameters,
        classes: data.classes,
        height: data.height,
        width: data.width,
        weights,
    };
    Ok((model, format!("{}, trial {trial}", defined.name)))
}

async fn bundle(app: &App, sha256: Sha256) -> Result<(LabelModel, String), JobError> {
    let stored = app.store.bundle(&sha256).await?;
    let stored = stored.ok_or_else(|| JobError::NoBundle {
        sha256: sha256.clone(),
    })?;
    let (description, labels) = (stored.description_sha256, stored.labels_sha256);
    let model = LabelModel::Bundle {
        sha256,
        classes: stored.classes,
        description: measured(app, description).await?,
        labels: measured(app, labels).await?,
        weights: stored.weights,
    };
    Ok((model, stored.description.name))
}

/// A small file of a bundle with its size.
async fn measured(app: &App, sha256: Sha256) -> Result<BlobRef, JobError> {
    let data = app.data.clone();
    tokio::task::spawn_blocking(move || match data.get(&sha256)? {
        Some(bytes) => Ok(BlobRef {
            sha256,
            bytes: bytes.len() as u64,
        }),
        None => Err(JobError::ModelGone { sha256 }),
    })
    .await
    .expect("reading a blob does not panic")
}

/// Keeps the weights for the job: those among the uploads go when their trial is trained once more.
async fn keep_weights(app: &App, sha256: Sha256) -> Result<BlobRef, JobError> {
    let (uploads, data) = (app.uploads.clone(), app.data.clone());
    tokio::task::spawn_blocking(move || {
        let bytes = uploads.get(&sha256)?;
        let bytes = bytes.ok_or(JobError::ModelGone { sha256 })?;
        Ok(data.put(&bytes)?)
    })
    .await
    .expect("copying weights does not panic")
}
