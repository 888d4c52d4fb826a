//! Labelling jobs: what operators asked for, their pictures, and how far each has come.

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{Answer, JobId, LabelModel, LeaseToken, Numerics, Seed, Sha256};
use tabsweep_study::{Chunk, JobState, Timestamp};

use super::{
    Store, StoreError, Tx,
    bundles::bundle_in,
    chunks::{chunks_of, save_chunk},
    labels::insert_labels,
    memory::RunningJobs,
    rows::{from_json, json_column, to_json, u32_column},
};

/// What an operator asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobDefinition {
    /// For people.
    pub name: String,
    /// The model.
    pub model: LabelModel,
    /// The model's name, for people.
    pub model_name: String,
    /// How many labels each picture gets.
    pub top: u32,
    /// Where it is drawn from what is looked at twice; told nobody.
    pub seed: Seed,
    /// The numeric contract of the answers.
    pub numerics: Numerics,
}

/// A job as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredJob {
    /// Id.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// Its share of the workers, beside studies and other jobs.
    pub weight: f64,
    /// What the operator asked for.
    pub definition: JobDefinition,
    /// How many pictures it has.
    pub pictures: u32,
    /// When it was created.
    pub created: Timestamp,
    /// When it finished or was stopped.
    pub ended: Option<Timestamp>,
}

impl StoredJob {
    /// Whether the job needs a blob: until it has ended all its model's files, then what its classes
    /// are called.
    pub(super) fn needs(&self, blob: &Sha256) -> bool {
        match &self.definition.model {
            LabelModel::Bundle { labels, .. } if labels.sha256 == *blob => true,
            model => {
                let mut files = model.files().into_iter();
                !self.state.has_ended() && files.any(|file| file.sha256 == *blob)
            }
        }
    }
}

/// A picture in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPicture {
    /// Its name, mostly that of a file.
    pub name: String,
    /// Its bytes, or why they could not be uploaded.
    pub content: Result<Sha256, String>,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct JobProgress {
    /// Pictures that have their labels.
    pub labelled: u32,
    /// Pictures that can't be read, or that nobody could label.
    pub unreadable: u32,
    /// Chunks in all.
    pub chunks: u32,
    /// Chunks that nobody works on.
    pub waiting: u32,
    /// Chunks with a worker.
    pub running: u32,
    /// Chunks whose labels are being checked.
    pub checking: u32,
}

const JOBS: &str = "SELECT id, state, weight, definition, pictures, created_millis, ended_millis
     FROM jobs ORDER BY id DESC";
const JOB_BY_ID: &str =
    "SELECT id, state, weight, definition, pictures, created_millis, ended_millis
     FROM jobs WHERE id = $1";

fn job_from_row(row: &AnyRow) -> Result<StoredJob, StoreError> {
    let state: &str = row.try_get("state")?;
    Ok(StoredJob {
        id: JobId(u32_column(row, "id")?),
        state: from_json(&format!("\"{state}\""), "job state")?,
        weight: row.try_get("weight")?,
        definition: json_column(row, "definition")?,
        pictures: u32_column(row, "pictures")?,
        created: Timestamp(row.try_get("created_millis")?),
        ended: row
            .try_get::<Option<i64>, _>("ended_millis")?
            .map(Timestamp),
    })
}

impl Store {
    /// Those of the hashes whose pictures are not kept.
    ///
    /// # Errors
    /// The database failed.
    pub async fn missing_pictures(&self, hashes: &[Sha256]) -> Result<Vec<Sha256>, StoreError> {
        let mut missing = Vec::new();
        for hash in hashes {
            if self.picture_bytes(hash).await?.is_none() {
                missing.push(hash.clone());
            }
        }
        Ok(missing)
    }

    /// How many bytes a kept picture has.
    ///
    /// # Errors
    /// The database failed.
    pub async fn picture_bytes(&self, hash: &Sha256) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query("SELECT bytes FROM pictures WHERE sha256 = $1")
            .bind(hash.as_str())
            .fetch_optional(&self.readers)
            .await?;
        let bytes = row.map(|row| row.try_get::<i64, _>("bytes")).transpose()?;
        Ok(bytes.map(|bytes| u64::try_from(bytes).unwrap_or_default()))
    }

    /// Notes that pictures have arrived; they are on disk already.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_pictures(
        &self,
        pictures: &[(Sha256, u64)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (hash, bytes) in pictures {
            sqlx::query(
                "INSERT INTO pictures (sha256, bytes, uploaded_millis) VALUES ($1, $2, $3)
                 ON CONFLICT (sha256) DO NOTHING",
            )
            .bind(hash.as_str())
            .bind(i64::try_from(*bytes).unwrap_or(i64::MAX))
            .bind(now.0)
            .execute(tx.sql().await?)
            .await?;
        }
        tx.commit().await
    }

    /// Stores a new job. Its pictures are those of the chunks, in their order, then those that have no
    /// bytes; each chunk comes with its bytes.
    ///
    /// # Errors
    /// Its bundle has been removed, or the database failed.
    pub async fn add_job(
        &self,
        definition: &JobDefinition,
        weight: f64,
        pictures: &[JobPicture],
        chunks: &[(Chunk, u64)],
        now: Timestamp,
    ) -> Result<JobId, StoreError> {
        let mut tx = self.begin().await?;
        if let LabelModel::Bundle { sha256, .. } = &definition.model {
            bundle_in(&mut tx, sha256).await?;
        }
        let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS id FROM jobs")
            .fetch_one(tx.sql().await?)
            .await?;
        let id = JobId(u32_column(&row, "id")?);
        tx.memory().forget_running_jobs();
        sqlx::query(
            "INSERT INTO jobs (id, state, weight, definition, pictures, created_millis)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(i64::from(id.0))
        .bind(JobState::Running.name())
        .bind(weight)
        .bind(to_json(definition))
        .bind(pictures.len() as i64)
        .bind(now.0)
        .execute(tx.sql().await?)
        .await?;
        for (number, picture) in (0..).zip(pictures) {
            insert_picture(&mut tx, id, number, picture).await?;
        }
        for (chunk, bytes) in chunks {
            save_chunk(&mut tx, id, chunk, Some(*bytes), now).await?;
        }
        finish_job_if_done(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// All jobs, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn jobs(&self) -> Result<Vec<StoredJob>, StoreError> {
        let rows = sqlx::query(JOBS).fetch_all(&self.readers).await?;
        rows.iter().map(job_from_row).collect()
    }

    /// One job.
    ///
    /// # Errors
    /// The database failed.
    pub async fn job(&self, id: JobId) -> Result<Option<StoredJob>, StoreError> {
        let row = sqlx::query(JOB_BY_ID)
            .bind(i64::from(id.0))
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(job_from_row).transpose()
    }

    /// How far a job has come.
    ///
    /// # Errors
    /// The database failed.
    pub async fn job_progress(&self, id: JobId) -> Result<JobProgress, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(class) AS labelled, COUNT(*) AS answered FROM labels WHERE job_id = $1",
        )
        .bind(i64::from(id.0))
        .fetch_one(&self.readers)
        .await?;
        let labelled = u32_column(&row, "labelled")?;
        let mut progress = JobProgress {
            labelled,
            unreadable: u32_column(&row, "answered")? - labelled,
            ..JobProgress::default()
        };
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS chunks FROM chunks WHERE job_id = $1 GROUP BY state",
        )
        .bind(i64::from(id.0))
        .fetch_all(&self.readers)
        .await?;
        for row in rows {
            progress.add(row.try_get("state")?, u32_column(&row, "chunks")?);
        }
        Ok(progress)
    }

    /// Holds a job, lets it go on, or ends it. The leases that ended with it.
    ///
    /// # Errors
    /// There is no such job, it has ended, or the database failed.
    pub async fn put_job_into(
        &self,
        id: JobId,
        state: JobState,
        now: Timestamp,
    ) -> Result<Vec<LeaseToken>, StoreError> {
        let mut tx = self.begin().await?;
        let job = job_in(&mut tx, id).await?;
        if job.state.has_ended() {
            return Err(StoreError::JobEnded { job: id });
        }
        let mut ended = Vec::new();
        if state.has_ended() {
            for chunk in chunks_of(&mut tx, id).await? {
                let Ok(cancelled) = chunk.clone().cancelled() else {
                    continue;
                };
                ended.extend(chunk.current_lease().map(|lease| lease.token.clone()));
                save_chunk(&mut tx, id, &cancelled, None, now).await?;
            }
        }
        save_job_state(&mut tx, id, state, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Changes a job's share of the workers.
    ///
    /// # Errors
    /// There is no such job, or the database failed.
    pub async fn weigh_job(&self, id: JobId, weight: f64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        job_in(&mut tx, id).await?;
        tx.memory().forget_running_jobs();
        sqlx::query("UPDATE jobs SET weight = $1 WHERE id = $2")
            .bind(weight)
            .bind(i64::from(id.0))
            .execute(tx.sql().await?)
            .await?;
        tx.commit().await
    }

    /// Has jobs that have not ended go on under `numerics`: what is not settled is labelled anew. How
    /// many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn renew_jobs(&self, numerics: Numerics, now: Timestamp) -> Result<u32, StoreError> {
        let jobs = self.jobs().await?;
        let is_outdated =
            |job: &StoredJob| !job.state.has_ended() && job.definition.numerics != numerics;
        let mut renewed = 0;
        for mut job in jobs.into_iter().filter(is_outdated) {
            let mut tx = self.begin().await?;
            job.definition.numerics = numerics;
            sqlx::query("UPDATE jobs SET definition = $1 WHERE id = $2")
                .bind(to_json(&job.definition))
                .bind(i64::from(job.id.0))
                .execute(tx.sql().await?)
                .await?;
            for chunk in chunks_of(&mut tx, job.id).await? {
                if let Ok(anew) = chunk.begun_anew() {
                    save_chunk(&mut tx, job.id, &anew, None, now).await?;
                }
            }
            tx.commit().await?;
            renewed += 1;
        }
        Ok(renewed)
    }
}

impl JobProgress {
    fn add(&mut self, state: &str, count: u32) {
        self.chunks += count;
        match state {
            "waiting" => self.waiting += count,
            "running" => self.running += count,
            "checking" => self.checking += count,
            _ => {}
        }
    }
}

async fn insert_picture(
    tx: &mut Tx,
    job: JobId,
    number: u32,
    picture: &JobPicture,
) -> Result<(), StoreError> {
    let sha256 = picture.content.as_ref().ok().map(Sha256::as_str);
    sqlx::query("INSERT INTO job_pictures (job_id, number, name, sha256) VALUES ($1, $2, $3, $4)")
        .bind(i64::from(job.0))
        .bind(i64::from(number))
        .bind(&picture.name)
        .bind(sha256)
        .execute(tx.sql().await?)
        .await?;
    if let Err(reason) = &picture.content {
        let answer = Answer::Unreadable(reason.clone());
        insert_labels(tx, job, number, &[answer]).await?;
    }
    Ok(())
}

/// Jobs that hand out chunks, with their weights.
pub(super) async fn running_jobs(tx: &mut Tx) -> Result<RunningJobs, StoreError> {
    if let Some(known) = tx.memory().running_jobs() {
        return Ok(known);
    }
    let rows = sqlx::query("SELECT id, weight FROM jobs WHERE state = 'running' ORDER BY id")
        .fetch_all(tx.sql().await?)
        .await?;
    let job = |row: &AnyRow| Ok((JobId(u32_column(row, "id")?), row.try_get("weight")?));
    let jobs = rows.iter().map(job).collect::<Result<_, StoreError>>()?;
    tx.memory().keep_running_jobs(&jobs);
    Ok(jobs)
}

/// All jobs, newest first.
pub(super) async fn jobs_in(tx: &mut Tx) -> Result<Vec<StoredJob>, StoreError> {
    let rows = sqlx::query(JOBS).fetch_all(tx.sql().await?).await?;
    rows.iter().map(job_from_row).collect()
}

pub(super) async fn job_in(tx: &mut Tx, id: JobId) -> Result<StoredJob, StoreError> {
    let row = sqlx::query(JOB_BY_ID)
        .bind(i64::from(id.0))
        .fetch_optional(tx.sql().await?)
        .await?
        .ok_or(StoreError::NoJob { job: id })?;
    job_from_row(&row)
}

/// Ends a job that has nothing left to do.
pub(super) async fn finish_job_if_done(
    tx: &mut Tx,
    id: JobId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS left_over FROM chunks
         WHERE job_id = $1 AND state IN ('waiting', 'running', 'checking')",
    )
    .bind(i64::from(id.0))
    .fetch_one(tx.sql().await?)
    .await?;
    if u32_column(&row, "left_over")? == 0 {
        save_job_state(tx, id, JobState::Finished, now).await?;
    }
    Ok(())
}

async fn save_job_state(
    tx: &mut Tx,
    id: JobId,
    state: JobState,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.memory().forget_running_jobs();
    sqlx::query("UPDATE jobs SET state = $1, ended_millis = $2 WHERE id = $3")
        .bind(state.name())
        .bind(state.has_ended().then_some(now.0))
        .bind(i64::from(id.0))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}
