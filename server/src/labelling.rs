//! The verdict on labels: the server labels some of a chunk's pictures itself, and all of them where
//! two volunteers disagree or nobody else is there to confirm them.

use std::time::Duration;

use tabsweep_labelling::{Classifier, ClassifierError, Labelling, LabellingError};
use tabsweep_protocol::{
    Answer, Answers, ChunkNumber, JobId, LabelModel, LabelVerdict, LeaseToken, ServerMessage,
    Sha256, StopReason, VolunteerId, pack,
};
use tabsweep_study::{Chunk, ChunkState, Submitted, Timestamp, known_pictures};

use crate::{
    app::{App, SharedApp, ended},
    blobs::{BlobError, Blobs},
    secret::sha256_hex,
    store::{ChunkRef, StoreError, StoredJob},
    verification::NUMERICS,
};

/// What the server found.
#[derive(Clone, Debug, PartialEq)]
enum Finding {
    /// The labels hold where the server knows them.
    Held(Answers),
    /// The server has labelled the whole chunk.
    Judged(Answers),
    /// The labels can't be right.
    Wrong(String),
}

/// Why there can be no verdict now.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("the blob {sha256} is not on disk")]
    Gone { sha256: Sha256 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the model can't be used: {0}")]
    Classifier(#[from] ClassifierError),
    #[error("labelling failed: {0}")]
    Labelling(#[from] LabellingError),
    #[error("checking was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    #[error("the job is of another numeric contract than {NUMERICS}")]
    OtherNumerics,
}

/// Decides on labels, oldest first, until the server ends.
pub async fn run(app: SharedApp) {
    let (mut shutdown, mut labels) = (app.shutdown.subscribe(), app.labels.subscribe());
    let mut checker = Checker {
        app,
        model: None,
        postponed: Vec::new(),
    };
    while !*shutdown.borrow() {
        match checker.next_verdict().await {
            Ok(true) => continue,
            Ok(false) => checker.postponed.clear(),
            Err(error) => tracing::error!("labels can't be checked now: {error}"),
        }
        tokio::select! {
            () = ended(&mut shutdown) => return,
            _ = labels.changed() => {}
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}

struct Checker {
    app: SharedApp,
    /// The model used last.
    model: Option<(LabelModel, Classifier)>,
    /// Chunks that could not be checked just now, so that they don't hold up the others.
    postponed: Vec<(JobId, ChunkNumber)>,
}

impl Checker {
    /// Decides on one chunk's labels; false if there are none.
    async fn next_verdict(&mut self) -> Result<bool, CheckError> {
        let app = self.app.clone();
        let patience_millis = i64::from(app.settings.confirm_secs) * 1000;
        let since = Timestamp(app.clock.now().0 - patience_millis);
        let next = app.store.next_labels(since, &self.postponed).await?;
        let Some((job, chunk)) = next else {
            return Ok(false);
        };
        let finding = match self.finding(&job, &chunk).await {
            Err(CheckError::Interrupted(error)) if error.is_panic() => {
                Ok(Finding::Wrong("checking them failed".to_owned()))
            }
            finding => finding,
        };
        let decided = match finding {
            Ok(finding) => decide(&app, &job, &chunk, finding).await,
            Err(error) => Err(error),
        };
        match decided {
            // Another server, or the operator, was quicker.
            Ok(()) | Err(CheckError::Store(StoreError::ChunkChanged)) => {}
            Err(error) => {
                let (job, chunk) = (job.id, chunk.number);
                tracing::error!("job {job}, chunk {chunk} can't be checked now: {error}");
                self.postponed.push((job, chunk));
            }
        }
        Ok(true)
    }

    async fn finding(&mut self, job: &StoredJob, chunk: &Chunk) -> Result<Finding, CheckError> {
        if job.definition.numerics != NUMERICS {
            return Err(CheckError::OtherNumerics);
        }
        let pictures = self.app.store.chunk_pictures(job.id, chunk).await?;
        let ChunkState::Checking(submitted) = &chunk.state else {
            return Ok(Finding::Judged(self.label(job, pictures).await?));
        };
        let answers = match self.uploaded(job, chunk, submitted).await? {
            Ok(answers) => answers,
            Err(reason) => return Ok(Finding::Wrong(reason)),
        };
        let known = known_pictures(job.definition.seed, chunk);
        let hashes = known.iter().map(|at| pictures[*at].clone()).collect();
        let right = self.label(job, hashes).await?;
        for (at, right) in known.into_iter().zip(right.0) {
            if answers.0[at] != right {
                let picture = chunk.first as usize + at;
                let reason = format!("picture {picture} has other labels");
                return Ok(Finding::Wrong(reason));
            }
        }
        if chunk.is_disputed() {
            return Ok(Finding::Judged(self.label(job, pictures).await?));
        }
        Ok(Finding::Held(answers))
    }

    /// The answers that a worker uploaded, or what is wrong with them.
    async fn uploaded(
        &self,
        job: &StoredJob,
        chunk: &Chunk,
        submitted: &Submitted,
    ) -> Result<Result<Answers, String>, CheckError> {
        let (uploads, sha256) = (self.app.uploads.clone(), submitted.answers_sha256.clone());
        let bytes = tokio::task::spawn_blocking(move || uploads.get(&sha256)).await??;
        Ok(match bytes {
            Some(bytes) => read_answers(&bytes, job, chunk.pictures as usize),
            None => Err("the uploaded answers are gone".to_owned()),
        })
    }

    /// What the server itself says of pictures.
    async fn label(
        &mut self,
        job: &StoredJob,
        pictures: Vec<Sha256>,
    ) -> Result<Answers, CheckError> {
        let (blobs, top) = (self.app.data.clone(), job.definition.top as usize);
        let (known, model) = (self.model.take(), job.definition.model.clone());
        let labelling = tokio::task::spawn_blocking(move || {
            let mut classifier = match known {
                Some((known, classifier)) if known == model => classifier,
                _ => classifier(&blobs, &model)?,
            };
            let count = pictures.len();
            let labelling = Labelling::new(packed(&blobs, &pictures)?, count, top)?;
            let answers = labelling.finish(&mut classifier)?;
            Ok::<_, CheckError>((answers, (model, classifier)))
        });
        let (answers, model) = labelling.await??;
        self.model = Some(model);
        Ok(answers)
    }
}

fn classifier(blobs: &Blobs, model: &LabelModel) -> Result<Classifier, CheckError> {
    let files = model.files();
    let files = files.into_iter().map(|file| blob(blobs, &file.sha256));
    Ok(Classifier::new(
        model,
        &files.collect::<Result<Vec<_>, _>>()?,
    )?)
}

fn blob(blobs: &Blobs, sha256: &Sha256) -> Result<Vec<u8>, CheckError> {
    let sha256 = sha256.clone();
    blobs.get(&sha256)?.ok_or(CheckError::Gone { sha256 })
}

fn packed(blobs: &Blobs, pictures: &[Sha256]) -> Result<Vec<u8>, CheckError> {
    let mut bytes = Vec::new();
    for picture in pictures {
        pack::push(&mut bytes, &blob(blobs, picture)?);
    }
    Ok(bytes)
}

/// Answers of the right form; what they say is another matter.
fn read_answers(bytes: &[u8], job: &StoredJob, pictures: usize) -> Result<Answers, String> {
    let answers = Answers::decode(bytes).map_err(|error| format!("no answers: {error}"))?;
    let found = answers.0.len();
    if found != pictures {
        return Err(format!("{found} answers for {pictures} pictures"));
    }
    // What is not written as an honest worker writes it could not be compared by hash.
    if answers.encode() != bytes {
        return Err("the answers are not written as a worker writes them".to_owned());
    }
    let classes = job.definition.model.classes();
    let labels = job.definition.top.min(classes) as usize;
    let is_sound = |answer: &Answer| match answer {
        Answer::Labels(found) => {
            found.len() == labels && found.iter().all(|label| label.class < classes)
        }
        Answer::Unreadable(reason) => reason.len() <= MOST_REASON_BYTES,
    };
    match answers.0.iter().position(|answer| !is_sound(answer)) {
        Some(at) => Err(format!(
            "answer {at} has no {labels} labels of {classes} classes"
        )),
        None => Ok(answers),
    }
}

/// Longer than any decoder's words.
const MOST_REASON_BYTES: usize = 1000;

async fn decide(
    app: &App,
    job: &StoredJob,
    chunk: &Chunk,
    finding: Finding,
) -> Result<(), CheckError> {
    let now = app.clock.now();
    let seen = ChunkRef {
        job: job.id,
        number: chunk.number,
        seen: chunk.clone(),
    };
    let (reason, ended) = match finding {
        Finding::Held(answers) => {
            app.store.labels_held(&seen, &answers.0, now).await?;
            (None, Vec::new())
        }
        Finding::Judged(answers) => {
            let sha256 = sha256_hex(&answers.encode());
            let sha256 = sha256.parse().expect("a SHA-256 is 64 digits");
            let judged = app.store.labels_judged(&seen, &sha256, &answers.0, now);
            let (judged, ended) = judged.await?;
            for liar in &judged.liars {
                tracing::warn!(
                    "job {}, chunk {}: volunteer {liar} lied",
                    job.id,
                    chunk.number
                );
            }
            (lie(chunk, &judged.liars), ended)
        }
        Finding::Wrong(reason) => {
            tracing::warn!("job {}, chunk {}: rejected: {reason}", job.id, chunk.number);
            let policy = app.settings.policy;
            let ended = app.store.labels_rejected(&seen, policy, &reason, now);
            let ended = ended.await?;
            (Some(reason), ended)
        }
    };
    stop(app, ended);
    tell(app, job, chunk, reason).await?;
    // Others may confirm it now, or label it again, or learn that the job has ended.
    app.work_may_exist();
    Ok(())
}

/// What is said to whoever sent the last labels, if they were wrong.
fn lie(chunk: &Chunk, liars: &[VolunteerId]) -> Option<String> {
    match &chunk.state {
        ChunkState::Checking(submitted) if liars.contains(&submitted.volunteer) => {
            Some("the server found other labels".to_owned())
        }
        _ => None,
    }
}

fn stop(app: &App, ended: Vec<LeaseToken>) {
    for lease in ended {
        app.stop_lease(lease, StopReason::LeaseLost);
    }
}

async fn tell(
    app: &App,
    job: &StoredJob,
    chunk: &Chunk,
    reason: Option<String>,
) -> Result<(), CheckError> {
    let ChunkState::Checking(submitted) = &chunk.state else {
        return Ok(());
    };
    let Some(lease) = app.store.chunk_lease(&submitted.lease).await? else {
        return Ok(());
    };
    let verdict = LabelVerdict {
        job: job.id,
        chunk: chunk.number,
        verified: reason.is_none(),
        reason,
    };
    let key = (lease.volunteer, lease.worker);
    app.roster.tell(&key, ServerMessage::LabelVerdict(verdict));
    Ok(())
}
