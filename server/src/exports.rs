//! What is exported, put together: a verified trial's weights, setting and scores from store and blobs.
//! What the files look like is the export crate's business.

use std::{
    io,
    path::{Path, PathBuf},
};

use tabsweep_export::{DataSource, ImageShape, ModelError, PageError, Provenance, VerifiedModel};
use tabsweep_protocol::{Sha256, StudyId, TrialNumber};
use tabsweep_study::{Trial, TrialState, Verified};

use crate::{
    app::App,
    blobs::BlobError,
    store::{StoreError, StoredStudy},
    studies::setting,
};

/// Why a model can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No such trial.
    #[error("study {study} has no trial {number} yet")]
    NoTrial {
        /// The study.
        study: StudyId,
        /// The number asked for.
        number: TrialNumber,
    },
    /// Its weights are none that the server vouches for.
    #[error("trial {number} is {state}; only a verified trial has a model")]
    NotVerified {
        /// The trial.
        number: TrialNumber,
        /// Where it stands.
        state: &'static str,
    },
    /// Its weights should be on disk.
    #[error("the weights {sha256} of a verified trial are not there")]
    WeightsGone {
        /// Their hash.
        sha256: Sha256,
    },
    /// The disk said no.
    #[error(transparent)]
    Blob {
        /// What went wrong.
        #[from]
        source: BlobError,
    },
    /// The weights don't fit the setting that they were verified for.
    #[error("a verified trial has no model: {source}")]
    Model {
        /// What is wrong.
        #[from]
        source: ModelError,
    },
    /// The page that models are put into has not been built.
    #[error("{}: {source}; build the pages with `cargo xtask build`", path.display())]
    NoPage {
        /// Where it should be.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The page has no place for a model.
    #[error(transparent)]
    Page {
        /// What is wrong.
        #[from]
        source: PageError,
    },
    /// The database failed.
    #[error(transparent)]
    Store {
        /// How.
        #[from]
        source: StoreError,
    },
    /// The work was not done.
    #[error("exporting was interrupted: {source}")]
    Interrupted {
        /// By what.
        #[from]
        source: tokio::task::JoinError,
    },
}

/// The built page that a model is put into, within the folder of the pages.
const MODEL_PAGE: &str = "export/model.html.template";

/// A page with a model in it, from the built pages in `folder`.
///
/// # Errors
/// The page has not been built, or not for this server.
pub async fn page(model: &VerifiedModel, folder: &Path) -> Result<String, ExportError> {
    let path = folder.join(MODEL_PAGE);
    match tokio::fs::read_to_string(&path).await {
        Ok(template) => Ok(model.page(&template)?),
        Err(source) => Err(ExportError::NoPage { path, source }),
    }
}

/// The model of a study's verified trial.
///
/// # Errors
/// There is no such trial, it is not verified, or store or disk failed.
pub async fn verified_model(
    app: &App,
    study: StoredStudy,
    number: TrialNumber,
) -> Result<VerifiedModel, ExportError> {
    let (study_id, trial) = (study.id, app.store.trial(study.id, number).await?);
    let trial = trial.ok_or(ExportError::NoTrial {
        study: study_id,
        number,
    })?;
    let TrialState::Verified(verified) = trial.state.clone() else {
        let state = trial.state.name();
        return Err(ExportError::NotVerified { number, state });
    };
    let uploads = app.uploads.clone();
    tokio::task::spawn_blocking(move || {
        let sha256 = verified.weights_sha256.clone();
        let weights = uploads
            .get(&sha256)?
            .ok_or(ExportError::WeightsGone { sha256 })?;
        let provenance = provenance(&study, &trial, verified);
        let setting = setting(&trial.parameters);
        let images = images(&study);
        Ok(VerifiedModel::read(&setting, images, &weights, provenance)?)
    })
    .await?
}

fn images(study: &StoredStudy) -> ImageShape {
    ImageShape {
        classes: study.data.classes as usize,
        height: study.data.height as usize,
        width: study.data.width as usize,
    }
}

fn provenance(study: &StoredStudy, trial: &Trial, verified: Verified) -> Provenance {
    let data = &study.data;
    Provenance {
        study: study.id,
        study_name: study.study.name.clone(),
        trial: trial.number,
        seed: trial.seed,
        numerics: trial.numerics,
        data: DataSource {
            name: data.name.clone(),
            training_sha256: data.training.sha256.clone(),
            validation_sha256: data.validation.sha256.clone(),
            test_sha256: data.test.sha256.clone(),
        },
        scores: verified.scores,
        weights_sha256: verified.weights_sha256,
    }
}
