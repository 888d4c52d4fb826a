//! The verdict on a claim: the server scores the uploaded weights itself, and trains a divergence
//! after. The only part of the server that calls the trainer.

use std::{sync::Arc, time::Duration};

use serde_json::Map;
use tabsweep_dataset::{BlobError as DataBlobError, Labelled, blob};
use tabsweep_protocol::{
    BlobRef, Finished, Outcome, ServerMessage, Sha256, StudyId, TrialNumber, Verdict,
};
use tabsweep_study::{Pending, Scores, Trial, TrialState};
use tabsweep_trainer::{Hyperparameters, Model, ModelError, Training, TrainingData, TrainingError};

use crate::{
    app::{App, SharedApp, ended},
    blobs::{BlobError, Blobs},
    store::{DataManifest, StoreError, StoredStudy},
    studies::setting,
};

/// What the server found.
#[derive(Clone, Debug, PartialEq)]
enum Finding {
    /// The weights score as claimed.
    Scores(Scores),
    /// The loss leaves the numbers as claimed.
    Diverges,
    /// The claim does not hold.
    Wrong(String),
}

/// Why there can be no verdict now.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("the data set's blob {sha256} is not on disk")]
    DataGone { sha256: Sha256 },
    #[error("the data set's blob can't be read: {0}")]
    Data(#[from] DataBlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("checking was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    #[error("the trainer failed: {0}")]
    Trainer(String),
}

/// Says what the trainer finds wrong with a setting, or a part of one.
///
/// # Errors
/// A sentence that names the hyper-parameter, what was found and what was expected.
pub fn check_setting(setting: &Map<String, serde_json::Value>) -> Result<(), String> {
    Hyperparameters::from_json(setting)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Decides claims, oldest first, until the server ends.
pub async fn run(app: SharedApp) {
    let mut shutdown = app.shutdown.subscribe();
    let mut scoring = Scoring::default();
    loop {
        let pause = match next_verdict(&app, &mut scoring).await {
            Ok(true) => continue,
            Ok(false) => Duration::from_secs(10),
            Err(error) => {
                tracing::error!("a claim can't be checked now: {error}");
                Duration::from_secs(2)
            }
        };
        tokio::select! {
            () = ended(&mut shutdown) => return,
            () = app.claims.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Decides one claim; false if there is none.
async fn next_verdict(app: &App, scoring: &mut Scoring) -> Result<bool, CheckError> {
    let Some((study, trial)) = app.store.next_claim().await? else {
        return Ok(false);
    };
    let TrialState::Checking(pending) = trial.state.clone() else {
        return Ok(false);
    };
    let finding = match &pending.outcome {
        Outcome::Finished(finished) => score(app, scoring, &study, &trial, finished).await?,
        Outcome::Diverged { step } => train_after(app, &study, &trial, *step).await?,
    };
    decide(app, study.id, trial.number, &pending, finding).await?;
    Ok(true)
}

async fn decide(
    app: &App,
    study: StudyId,
    trial: TrialNumber,
    pending: &Pending,
    finding: Finding,
) -> Result<(), CheckError> {
    let now = app.clock.now();
    let mut verdict = Verdict {
        study,
        trial,
        verified: true,
        validation_score: None,
        reason: None,
    };
    match finding {
        Finding::Scores(scores) => {
            tracing::info!(
                "study {study}, trial {trial}: verified, {:.2} % validation, {:.2} % test",
                scores.validation * 100.0,
                scores.test * 100.0,
            );
            app.store.verified(study, trial, scores, now).await?;
            verdict.validation_score = Some(scores.validation);
        }
        Finding::Diverges => {
            tracing::info!("study {study}, trial {trial}: diverged");
            app.store.diverged(study, trial, now).await?;
        }
        Finding::Wrong(reason) => {
            tracing::warn!("study {study}, trial {trial}: claim rejected: {reason}");
            app.store
                .rejected(study, trial, app.settings.policy, &reason, now)
                .await?;
            verdict.verified = false;
            verdict.reason = Some(reason);
            app.work_may_exist();
        }
    }
    let worker = app.store.worker_of(&pending.lease).await?;
    app.roster.tell(
        &(pending.volunteer, worker),
        ServerMessage::Verdict(verdict),
    );
    // Whoever waits learns that the study has ended, too.
    app.work_may_exist();
    app.study_changed(study);
    Ok(())
}

/// The images that scores are counted on, kept from one claim to the next.
#[derive(Default)]
struct Scoring {
    loaded: Option<(Sha256, Sha256, Arc<Sets>)>,
}

struct Sets {
    validation: Labelled,
    test: Labelled,
}

impl Scoring {
    async fn sets(&mut self, blobs: &Blobs, data: &DataManifest) -> Result<Arc<Sets>, CheckError> {
        let (validation, test) = (data.validation.sha256.clone(), data.test.sha256.clone());
        if let Some((known_validation, known_test, sets)) = &self.loaded
            && (known_validation, known_test) == (&validation, &test)
        {
            return Ok(sets.clone());
        }
        let (blobs, manifest) = (blobs.clone(), data.clone());
        let sets = tokio::task::spawn_blocking(move || {
            let validation = blob::decode(&data_blob(&blobs, &manifest.validation)?)?;
            let test = blob::decode(&data_blob(&blobs, &manifest.test)?)?;
            Ok::<_, CheckError>(Arc::new(Sets { validation, test }))
        })
        .await??;
        self.loaded = Some((validation, test, sets.clone()));
        Ok(sets)
    }
}

fn data_blob(blobs: &Blobs, blob: &BlobRef) -> Result<Vec<u8>, CheckError> {
    let sha256 = blob.sha256.clone();
    blobs.get(&sha256)?.ok_or(CheckError::DataGone { sha256 })
}

async fn score(
    app: &App,
    scoring: &mut Scoring,
    study: &StoredStudy,
    trial: &Trial,
    finished: &Finished,
) -> Result<Finding, CheckError> {
    let sets = scoring.sets(&app.data, &study.data).await?;
    let (uploads, data) = (app.uploads.clone(), study.data.clone());
    let (parameters, finished) = (setting(&trial.parameters), finished.clone());
    tokio::task::spawn_blocking(move || {
        let Some(weights) = uploads.get(&finished.weights_sha256)? else {
            return Ok(Finding::Wrong("the uploaded weights are gone".to_owned()));
        };
        let hyperparameters = Hyperparameters::from_json(&parameters)
            .map_err(|error| CheckError::Trainer(error.to_string()))?;
        Ok(match count(&hyperparameters, &data, &weights, &sets) {
            Ok(counts) => compare(&finished, &counts, &sets),
            Err(error) => Finding::Wrong(format!("the weights can't be used: {error}")),
        })
    })
    .await?
}

struct Counts {
    validation: usize,
    test: usize,
}

fn count(
    hyperparameters: &Hyperparameters,
    data: &DataManifest,
    weights: &[u8],
    sets: &Sets,
) -> Result<Counts, ModelError> {
    let (classes, height, width) = (
        data.classes as usize,
        data.height as usize,
        data.width as usize,
    );
    let model = Model::load(hyperparameters, classes, height, width, weights)?;
    let count = |set: &Labelled| model.count_correct(set.images().pixels(), set.labels().values());
    Ok(Counts {
        validation: count(&sets.validation)?,
        test: count(&sets.test)?,
    })
}

/// Inference is deterministic to the bit, so the claimed count must be the server's own.
fn compare(finished: &Finished, counts: &Counts, sets: &Sets) -> Finding {
    let (images, claimed) = (
        sets.validation.count(),
        finished.validation_correct as usize,
    );
    if finished.validation_count as usize != images || claimed != counts.validation {
        return Finding::Wrong(format!(
            "claimed {claimed} of {} validation images right, the weights get {} of {images}",
            finished.validation_count, counts.validation,
        ));
    }
    let share = |correct: usize, images: usize| correct as f64 / images as f64;
    Finding::Scores(Scores {
        validation: share(counts.validation, images),
        test: share(counts.test, sets.test.count()),
    })
}

/// Trains from the trial's last checkpoint to the step at which the loss is said to leave the
/// numbers. Costs at most what the worker spent since that checkpoint.
async fn train_after(
    app: &App,
    study: &StoredStudy,
    trial: &Trial,
    claimed_step: u64,
) -> Result<Finding, CheckError> {
    let (blobs, uploads, data) = (app.data.clone(), app.uploads.clone(), study.data.clone());
    let (parameters, seed) = (setting(&trial.parameters), trial.seed.0);
    let checkpoint = trial.checkpoint.clone();
    tokio::task::spawn_blocking(move || {
        let trainer = |error: String| CheckError::Trainer(error);
        let hyperparameters =
            Hyperparameters::from_json(&parameters).map_err(|error| trainer(error.to_string()))?;
        let images = TrainingData::from_blobs(
            &data_blob(&blobs, &data.training)?,
            &data_blob(&blobs, &data.validation)?,
            data.classes as usize,
        )
        .map_err(|error| trainer(error.to_string()))?;
        let checkpoint = match checkpoint {
            Some(checkpoint) => uploads.get(&checkpoint.sha256)?,
            None => None,
        };
        let training = match checkpoint {
            Some(bytes) => Training::resume(hyperparameters, seed, images, &bytes)
                .map_err(|error| error.to_string()),
            None => Training::new(hyperparameters, seed, images).map_err(|e| e.to_string()),
        };
        Ok(match training {
            Ok(training) => watch(training, claimed_step),
            Err(error) => Finding::Wrong(format!("the checkpoint can't be used: {error}")),
        })
    })
    .await?
}

fn watch(mut training: Training, claimed_step: u64) -> Finding {
    let last_step = claimed_step.min(training.total_steps());
    while training.step() < last_step {
        match training.advance() {
            Err(TrainingError::Diverged { step, .. }) if step == claimed_step => {
                return Finding::Diverges;
            }
            Err(error) => return Finding::Wrong(error.to_string()),
            Ok(tabsweep_trainer::Progress::Finished { .. }) => break,
            Ok(_) => {}
        }
    }
    Finding::Wrong(format!("the loss is still a number at step {claimed_step}"))
}
