//! What a trial needs before it can be trained: its data, which are kept from one trial to the next,
//! and the checkpoint to go on from.

use futures_util::future::try_join;
use tabsweep_protocol::{BlobRef, CheckpointRef, Lease, Sha256};
use tabsweep_trainer::{Hyperparameters, ImageSet, Training, TrainingData};

use crate::http::{self, HttpError};

/// All that a trial needs.
pub(crate) struct Ready {
    pub(crate) training: Training,
    pub(crate) data: CachedData,
}

/// Why a trial can't be trained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    /// What it needs did not arrive.
    #[error("{0}")]
    Network(#[from] HttpError),
    /// The trainer does not take it.
    #[error("{0}")]
    Trainer(String),
    /// Somebody has said that the checkpoint is further than it is, to be credited with more.
    #[error("the checkpoint is of step {found}, not of step {announced}")]
    WrongStep {
        /// The step it was said to be of.
        announced: u64,
        /// The step it is of.
        found: u64,
    },
}

/// A data set, kept from one trial to the next.
#[derive(Clone)]
pub(crate) struct CachedData {
    names: (Sha256, Sha256),
    data: TrainingData,
}

/// Fetches what is not there yet and sets the training up.
pub(crate) async fn ready(
    base_url: &str,
    lease: Lease,
    cached: Option<CachedData>,
) -> Result<Ready, NotReady> {
    let setting = serde_json::to_value(&lease.parameters).map_err(trainer_error)?;
    let setting = setting.as_object().cloned().unwrap_or_default();
    let hyperparameters = Hyperparameters::from_json(&setting).map_err(trainer_error)?;
    let data = async {
        match cached {
            Some(cached) if cached.names == names(&lease) => Ok(cached),
            _ => fetch_data(base_url, &lease).await,
        }
    };
    let (data, checkpoint) = try_join(data, fetch_checkpoint(base_url, &lease)).await?;
    let (seed, images) = (lease.seed.0, data.data.clone());
    let training = match checkpoint {
        None => Training::new(hyperparameters, seed, images).map_err(trainer_error)?,
        Some(bytes) => {
            Training::resume(hyperparameters, seed, images, &bytes).map_err(trainer_error)?
        }
    };
    check_step(lease.checkpoint.as_ref(), training.step())?;
    Ok(Ready { training, data })
}

fn check_step(checkpoint: Option<&CheckpointRef>, found: u64) -> Result<(), NotReady> {
    let announced = checkpoint.map_or(0, |checkpoint| checkpoint.step);
    if announced == found {
        Ok(())
    } else {
        Err(NotReady::WrongStep { announced, found })
    }
}

fn trainer_error(error: impl std::fmt::Display) -> NotReady {
    NotReady::Trainer(error.to_string())
}

fn names(lease: &Lease) -> (Sha256, Sha256) {
    (
        lease.data.training.sha256.clone(),
        lease.data.validation.sha256.clone(),
    )
}

async fn fetch_data(base_url: &str, lease: &Lease) -> Result<CachedData, NotReady> {
    let names = names(lease);
    let classes = lease.data.classes as usize;
    let fetch = async |name, blob: &BlobRef| {
        let blob = http::data(base_url, blob, &lease.token).await?;
        ImageSet::from_blob(name, blob, classes).map_err(trainer_error)
    };
    let training = fetch("training", &lease.data.training);
    let validation = fetch("validation", &lease.data.validation);
    let (training, validation) = try_join(training, validation).await?;
    let data = TrainingData::new(training, validation, classes).map_err(trainer_error)?;
    Ok(CachedData { names, data })
}

async fn fetch_checkpoint(base_url: &str, lease: &Lease) -> Result<Option<Vec<u8>>, NotReady> {
    let Some(checkpoint) = &lease.checkpoint else {
        return Ok(None);
    };
    let bytes = http::checkpoint(base_url, &checkpoint.sha256, &lease.token).await?;
    Ok(Some(bytes))
}
