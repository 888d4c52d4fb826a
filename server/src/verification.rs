//! The verdict on a claim: the server scores the uploaded weights itself, and trains a divergence
//! after. The only part of the server that calls the trainer.

mod work;

use std::{sync::Arc, time::Duration};

use serde_json::Map;
use tabsweep_dataset::{BlobError as DataBlobError, Labelled, blob};
use tabsweep_protocol::{
    BlobRef, Numerics, Outcome, Parameters, ServerMessage, Sha256, StudyId, TrialNumber, Verdict,
};
use tabsweep_study::{Pending, Scores, Trial, TrialState};
use tabsweep_trainer::{
    Hyperparameters, Model, ModelError, NUMERICS_VERSION, Training, TrainingData, TrainingError,
    architecture::Architecture,
};

use crate::{
    app::{App, SharedApp, ended},
    blobs::{BlobError, Blobs},
    store::{ClaimKind, ClaimRef, DataManifest, StoreError, StoredStudy, Work},
    studies::setting,
};
use work::TrainingImages;

/// The numeric contract that this server can check, and so the one that it hands out.
pub const NUMERICS: Numerics = Numerics(NUMERICS_VERSION);

/// What the server found.
#[derive(Clone, Debug, PartialEq)]
enum Finding {
    /// The weights score as claimed.
    Scores(Scores),
    /// The checkpoint scores as claimed.
    Rests(Scores),
    /// The loss leaves the numbers as claimed.
    Diverges,
    /// The claim does not hold.
    Wrong(String),
    /// The server ends; the next start checks again.
    Interrupted,
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
    #[error(
        "the trial is of numerics {found}; checking it takes a trainer of that version, \
         this one is of numerics {NUMERICS}"
    )]
    OtherNumerics { found: Numerics },
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

/// Says what keeps a worker from training a setting on such images.
///
/// # Errors
/// A sentence that names what is too small or too large.
pub fn check_trial(parameters: &Parameters, data: &DataManifest) -> Result<(), String> {
    let hyperparameters =
        Hyperparameters::from_json(&setting(parameters)).map_err(|error| error.to_string())?;
    let (classes, height, width) = sizes(data);
    Architecture::new(&hyperparameters, classes, height, width)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn sizes(data: &DataManifest) -> (usize, usize, usize) {
    (
        data.classes as usize,
        data.height as usize,
        data.width as usize,
    )
}

/// Decides claims of one kind, oldest first, until the server ends.
pub async fn run(app: SharedApp, kind: ClaimKind) {
    let (mut shutdown, mut claims) = (app.shutdown.subscribe(), app.claims.subscribe());
    let mut verifier = Verifier {
        app,
        kind,
        postponed: Vec::new(),
        scoring: Scoring::default(),
        images: TrainingImages::default(),
    };
    while !*shutdown.borrow() {
        let pause = match verifier.next_verdict().await {
            Ok(true) => continue,
            Ok(false) if verifier.postponed.is_empty() => Duration::from_secs(10),
            Ok(false) => {
                verifier.postponed.clear();
                Duration::from_secs(2)
            }
            Err(error) => {
                tracing::error!("claims can't be checked now: {error}");
                Duration::from_secs(2)
            }
        };
        tokio::select! {
            () = ended(&mut shutdown) => return,
            _ = claims.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Verifier {
    app: SharedApp,
    kind: ClaimKind,
    /// Claims that could not be checked just now, so that they don't hold up the others.
    postponed: Vec<(StudyId, TrialNumber)>,
    scoring: Scoring,
    images: TrainingImages,
}

impl Verifier {
    /// Decides one claim; false if there is none.
    async fn next_verdict(&mut self) -> Result<bool, CheckError> {
        let app = self.app.clone();
        let Some((study, trial)) = app.store.next_claim(self.kind, &self.postponed).await? else {
            return Ok(false);
        };
        let TrialState::Checking(pending) = trial.state.clone() else {
            return Ok(false);
        };
        let checked = match self.finding(&study, &trial, &pending).await {
            Ok(Finding::Interrupted) => return Ok(true),
            Err(CheckError::Interrupted(error)) if error.is_panic() => {
                Ok(Finding::Wrong("checking it failed".to_owned()))
            }
            other => other,
        };
        let decided = match checked {
            Ok(finding) => self.decide(&study, &trial, &pending, finding).await,
            Err(error) => Err(error),
        };
        match decided {
            Ok(()) => {}
            // What the store could not keep now is no fault of this claim.
            Err(error @ CheckError::Store(_)) => return Err(error),
            Err(error) => {
                let (study, number) = (study.id, trial.number);
                tracing::error!("study {study}, trial {number} can't be checked now: {error}");
                self.postponed.push((study, number));
            }
        }
        Ok(true)
    }

    async fn finding(
        &mut self,
        study: &StoredStudy,
        trial: &Trial,
        pending: &Pending,
    ) -> Result<Finding, CheckError> {
        check_numerics(trial)?;
        match &pending.outcome {
            Outcome::Finished(_) | Outcome::Paused(_) => {
                score(&self.app, &mut self.scoring, study, trial, &pending.outcome).await
            }
            Outcome::Diverged { step } => train_after(&self.app, study, trial, *step).await,
        }
    }

    async fn decide(
        &mut self,
        study: &StoredStudy,
        trial: &Trial,
        pending: &Pending,
        finding: Finding,
    ) -> Result<(), CheckError> {
        let (blobs, data) = (&self.app.data, &study.data);
        let work = self.images.work(blobs, data, trial, pending).await?;
        decide(&self.app, study.id, trial.number, pending, finding, work).await
    }
}

/// A trainer of another numeric contract would find other bits than an honest worker.
fn check_numerics(trial: &Trial) -> Result<(), CheckError> {
    let found = trial.numerics;
    if found == NUMERICS {
        Ok(())
    } else {
        Err(CheckError::OtherNumerics { found })
    }
}

async fn decide(
    app: &App,
    study: StudyId,
    trial: TrialNumber,
    pending: &Pending,
    finding: Finding,
    work: Work,
) -> Result<(), CheckError> {
    let now = app.clock.now();
    let claim = ClaimRef {
        study,
        number: trial,
        lease: pending.lease.clone(),
    };
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
            app.store.verified(&claim, scores, work, now).await?;
            verdict.validation_score = Some(scores.validation);
        }
        Finding::Rests(scores) => {
            tracing::info!(
                "study {study}, trial {trial}: rests, {:.2} % validation",
                scores.validation * 100.0,
            );
            app.store
                .paused(&claim, scores.validation, work, now)
                .await?;
            verdict.validation_score = Some(scores.validation);
        }
        Finding::Interrupted => return Ok(()),
        Finding::Diverges => {
            tracing::info!("study {study}, trial {trial}: diverged");
            app.store.diverged(&claim, work, now).await?;
        }
        Finding::Wrong(reason) => {
            tracing::warn!("study {study}, trial {trial}: claim rejected: {reason}");
            app.store
                .rejected(&claim, app.settings.policy, &reason, now)
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

/// How many epochs a trial with this setting has, if it can be trained.
pub(crate) fn epochs(parameters: &Parameters) -> Option<u32> {
    let hyperparameters = Hyperparameters::from_json(&setting(parameters)).ok()?;
    u32::try_from(hyperparameters.epochs).ok()
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
    outcome: &Outcome,
) -> Result<Finding, CheckError> {
    let sets = scoring.sets(&app.data, &study.data).await?;
    let (uploads, data) = (app.uploads.clone(), study.data.clone());
    let parameters = setting(&trial.parameters);
    let Some(scored) = Scored::of(outcome) else {
        return Ok(Finding::Wrong("there is nothing to score".to_owned()));
    };
    tokio::task::spawn_blocking(move || {
        let Some(weights) = uploads.get(&scored.sha256)? else {
            return Ok(Finding::Wrong("the uploaded weights are gone".to_owned()));
        };
        let hyperparameters = match Hyperparameters::from_json(&parameters) {
            Ok(hyperparameters) => hyperparameters,
            Err(error) => return Ok(Finding::Wrong(error.to_string())),
        };
        let model = load(&hyperparameters, &data, &weights, scored.is_checkpoint);
        Ok(match model.and_then(|model| count(&model, &sets)) {
            Ok(counts) => compare(&scored, &counts, &sets),
            Err(error) => Finding::Wrong(format!("the weights can't be used: {error}")),
        })
    })
    .await?
}

/// Bytes to be scored, and what their maker counted.
#[derive(Clone, Debug)]
struct Scored {
    sha256: Sha256,
    is_checkpoint: bool,
    validation_correct: u32,
    validation_count: u32,
}

impl Scored {
    fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Finished(finished) => Some(Self {
                sha256: finished.weights_sha256.clone(),
                is_checkpoint: false,
                validation_correct: finished.validation_correct,
                validation_count: finished.validation_count,
            }),
            Outcome::Paused(paused) => Some(Self {
                sha256: paused.state_sha256.clone(),
                is_checkpoint: true,
                validation_correct: paused.validation_correct,
                validation_count: paused.validation_count,
            }),
            Outcome::Diverged { .. } => None,
        }
    }
}

struct Counts {
    validation: usize,
    test: usize,
}

fn load(
    hyperparameters: &Hyperparameters,
    data: &DataManifest,
    bytes: &[u8],
    is_checkpoint: bool,
) -> Result<Model, ModelError> {
    let (classes, height, width) = sizes(data);
    let load = if is_checkpoint {
        Model::load_checkpoint
    } else {
        Model::load
    };
    load(hyperparameters, classes, height, width, bytes)
}

fn count(model: &Model, sets: &Sets) -> Result<Counts, ModelError> {
    let count = |set: &Labelled| model.count_correct(set.images().pixels(), set.labels().values());
    Ok(Counts {
        validation: count(&sets.validation)?,
        test: count(&sets.test)?,
    })
}

/// Inference is deterministic to the bit, so the claimed count must be the server's own.
fn compare(scored: &Scored, counts: &Counts, sets: &Sets) -> Finding {
    let (images, claimed) = (sets.validation.count(), scored.validation_correct as usize);
    if scored.validation_count as usize != images || claimed != counts.validation {
        return Finding::Wrong(format!(
            "claimed {claimed} of {} validation images right, the weights get {} of {images}",
            scored.validation_count, counts.validation,
        ));
    }
    let share = |correct: usize, images: usize| correct as f64 / images as f64;
    let scores = Scores {
        validation: share(counts.validation, images),
        test: share(counts.test, sets.test.count()),
    };
    if scored.is_checkpoint {
        Finding::Rests(scores)
    } else {
        Finding::Scores(scores)
    }
}

/// Trains the trial from its start to the step at which the loss is said to leave the numbers. From
/// the start, because a checkpoint can be made to diverge.
async fn train_after(
    app: &SharedApp,
    study: &StoredStudy,
    trial: &Trial,
    claimed_step: u64,
) -> Result<Finding, CheckError> {
    let (blobs, data) = (app.data.clone(), study.data.clone());
    let (parameters, seed) = (setting(&trial.parameters), trial.seed.0);
    let app = app.clone();
    tokio::task::spawn_blocking(move || {
        let images = TrainingData::from_blobs(
            data_blob(&blobs, &data.training)?,
            data_blob(&blobs, &data.validation)?,
            data.classes as usize,
        )
        .map_err(|error| CheckError::Trainer(error.to_string()))?;
        let training = Hyperparameters::from_json(&parameters)
            .map_err(|error| error.to_string())
            .and_then(|setting| {
                Training::new(setting, seed, images).map_err(|error| error.to_string())
            });
        Ok(match training {
            Ok(training) => watch(training, claimed_step, || *app.shutdown.borrow()),
            Err(error) => Finding::Wrong(error),
        })
    })
    .await?
}

fn watch(mut training: Training, claimed_step: u64, is_over: impl Fn() -> bool) -> Finding {
    if !(1..=training.total_steps()).contains(&claimed_step) {
        return Finding::Wrong(format!("the trial has no step {claimed_step}"));
    }
    while training.step() < claimed_step {
        if is_over() {
            return Finding::Interrupted;
        }
        match training.advance() {
            Err(TrainingError::Diverged { step, .. }) if step == claimed_step => {
                return Finding::Diverges;
            }
            Err(error) => return Finding::Wrong(error.to_string()),
            Ok(_) => {}
        }
    }
    Finding::Wrong(format!("the loss is still a number at step {claimed_step}"))
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::Seed;

    use super::*;

    fn trial(numerics: Numerics) -> Trial {
        Trial::new(TrialNumber(0), Parameters::default(), Seed(1), numerics)
    }

    #[test]
    fn a_trial_of_another_contract_is_not_judged_and_the_reason_says_what_it_takes() {
        assert!(check_numerics(&trial(NUMERICS)).is_ok());
        let found = Numerics(NUMERICS.0 + 1);
        let reason = check_numerics(&trial(found)).unwrap_err().to_string();
        assert!(reason.contains(&format!("numerics {found};")), "{reason}");
        assert!(
            reason.ends_with(&format!("numerics {NUMERICS}")),
            "{reason}"
        );
    }
}
