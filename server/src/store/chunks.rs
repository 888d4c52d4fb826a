//! Chunks of labelling jobs: leases on them, the labels that come back, and verdicts.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{
    Answer, ChunkNumber, JobId, LeaseToken, Numerics, ReleaseReason, Sha256, VolunteerId, WorkerId,
};
use tabsweep_study::{
    Chunk, ChunkState, Grant, JobState, Judged, LeasePolicy, Settled, Submitted, Timestamp,
};

use super::{
    Store, StoreError, StoredJob, Tx,
    jobs::{finish_job_if_done, job_in},
    labels::{delete_labels, insert_labels},
    rows::{json_column, to_json, u32_column},
    volunteers::count_word,
};

/// Right chunks after which a volunteer's word alone may be enough.
const PROVEN: i64 = 3;

/// A lease on a chunk, running or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkLease {
    /// The job.
    pub job: JobId,
    /// The chunk.
    pub number: ChunkNumber,
    /// Whose it was.
    pub volunteer: VolunteerId,
    /// Which worker's.
    pub worker: WorkerId,
    /// 1 for the chunk's first.
    pub attempt: u32,
}

/// A chunk that has just been leased.
#[derive(Clone, Debug, PartialEq)]
pub struct LeasedChunk {
    /// Its job.
    pub job: StoredJob,
    /// The chunk, running.
    pub chunk: Chunk,
    /// Bytes of its pictures.
    pub bytes: u64,
}

/// Labels that a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRef {
    /// The job.
    pub job: JobId,
    /// The chunk.
    pub number: ChunkNumber,
    /// How it stood when it was looked at: another verdict may have been quicker.
    pub seen: Chunk,
}

impl Store {
    /// The lease with this token, running or not, if it is one on a chunk.
    ///
    /// # Errors
    /// The database failed.
    pub async fn chunk_lease(&self, token: &LeaseToken) -> Result<Option<ChunkLease>, StoreError> {
        let row = sqlx::query(LEASE_BY_TOKEN)
            .bind(token.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(lease_from_row).transpose()
    }

    /// A chunk.
    ///
    /// # Errors
    /// The database failed.
    pub async fn chunk(
        &self,
        job: JobId,
        number: ChunkNumber,
    ) -> Result<Option<Chunk>, StoreError> {
        let row = sqlx::query(CHUNK)
            .bind(i64::from(job.0))
            .bind(i64::from(number.0))
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| json_column(&row, "chunk")).transpose()
    }

    /// The holder was heard of, or came back: the deadline moves.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn chunk_heard(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let fenced = self.fenced_chunk(token, volunteer).await?;
        let after = fenced.chunk.clone().heard(token, policy, now)?;
        fenced.commit(after, now).await
    }

    /// The holder's socket closed.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn chunk_left_alone(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let fenced = self.fenced_chunk(token, volunteer).await?;
        let after = fenced.chunk.clone().left_alone(token, policy, now)?;
        fenced.commit(after, now).await
    }

    /// The holder gives the chunk back.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn chunk_released(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        reason: ReleaseReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut fenced = self.fenced_chunk(token, volunteer).await?;
        let chunk = fenced.chunk.clone();
        let after = match reason {
            ReleaseReason::Stopped | ReleaseReason::OtherNumerics => chunk.released(token)?,
            ReleaseReason::Failed => chunk.given_up(token, policy)?,
        };
        end_lease(&mut fenced.tx, token, "released", now).await?;
        fenced.commit(after, now).await
    }

    /// Labels of a chunk have been uploaded. Taken from the holder of the lease, and from the holder of
    /// an earlier lease of the chunk while nobody else has one.
    ///
    /// # Errors
    /// The lease is not this volunteer's, the chunk is in other hands or has ended, or the answers were
    /// not uploaded with this lease.
    pub async fn labelled(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        answers_sha256: &Sha256,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut fenced = self.fenced_chunk(token, volunteer).await?;
        let after = fenced.chunk.clone().submitted(Submitted {
            lease: token.clone(),
            volunteer,
            answers_sha256: answers_sha256.clone(),
            submitted: now,
        })?;
        require_upload(&mut fenced.tx, token, answers_sha256).await?;
        end_lease(&mut fenced.tx, token, "claimed", now).await?;
        fenced.commit(after, now).await
    }

    /// Frees all chunks whose leases have ended; how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn expire_chunks(
        &self,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        const DUE: &str = "SELECT job_id, chunk FROM chunks
             WHERE deadline_millis IS NOT NULL AND deadline_millis <= $1";
        // Looked for without the write lock: mostly there is nothing.
        if sqlx::query(DUE)
            .bind(now.0)
            .fetch_optional(&self.readers)
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let rows = sqlx::query(DUE)
            .bind(now.0)
            .fetch_all(tx.sql().await?)
            .await?;
        for row in &rows {
            let job = JobId(u32_column(row, "job_id")?);
            let chunk: Chunk = json_column(row, "chunk")?;
            if let Some(lease) = chunk.current_lease() {
                end_lease(&mut tx, &lease.token, "expired", now).await?;
            }
            let after = chunk.clone().expired(policy, now)?;
            move_chunk(&mut tx, job, &chunk, &after, &[], now).await?;
        }
        tx.commit().await?;
        Ok(rows.len() as u32)
    }

    /// The labels that have waited longest to be checked, or those that have waited to be confirmed
    /// since before `unconfirmed_since`; none of `postponed`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next_labels(
        &self,
        unconfirmed_since: Timestamp,
        postponed: &[(JobId, ChunkNumber)],
    ) -> Result<Option<(StoredJob, Chunk)>, StoreError> {
        let rows = sqlx::query(
            "SELECT job_id, chunk FROM chunks
             WHERE state = 'checking' OR (state = 'waiting' AND opinion_millis <= $1)
             ORDER BY changed_millis LIMIT 64",
        )
        .bind(unconfirmed_since.0)
        .fetch_all(&self.readers)
        .await?;
        for row in rows {
            let id = JobId(u32_column(&row, "job_id")?);
            let chunk: Chunk = json_column(&row, "chunk")?;
            if postponed.contains(&(id, chunk.number)) {
                continue;
            }
            let job = self.job(id).await?.ok_or(StoreError::NoJob { job: id })?;
            return Ok(Some((job, chunk)));
        }
        Ok(None)
    }

    /// The labels hold where they are known: the chunk is done, or waits to be confirmed.
    ///
    /// # Errors
    /// The chunk has changed since, or the database failed.
    pub async fn labels_held(
        &self,
        seen: &ChunkRef,
        answers: &[Answer],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let chunk = unchanged(&mut tx, seen).await?;
        let ChunkState::Checking(submitted) = &chunk.state else {
            return Err(StoreError::ChunkChanged);
        };
        let is_proven = is_proven(&mut tx, submitted.volunteer).await?;
        let after = chunk.clone().held(is_proven, now)?;
        if let ChunkState::Done(Settled { volunteers, .. }) = &after.state {
            count(&mut tx, volunteers, true).await?;
        }
        move_chunk(&mut tx, seen.job, &chunk, &after, answers, now).await?;
        tx.commit().await
    }

    /// The server has labelled the chunk itself. Who lied loses what rests on their word alone; the
    /// leases that ended so.
    ///
    /// # Errors
    /// The chunk has changed since, or the database failed.
    pub async fn labels_judged(
        &self,
        seen: &ChunkRef,
        answers_sha256: &Sha256,
        answers: &[Answer],
        now: Timestamp,
    ) -> Result<(Judged, Vec<LeaseToken>), StoreError> {
        let mut tx = self.begin().await?;
        let chunk = unchanged(&mut tx, seen).await?;
        let judged = chunk.clone().judged(answers_sha256, now)?;
        count(&mut tx, &judged.honest, true).await?;
        count(&mut tx, &judged.liars, false).await?;
        move_chunk(&mut tx, seen.job, &chunk, &judged.chunk, answers, now).await?;
        let mut ended = Vec::new();
        for liar in &judged.liars {
            ended.extend(distrust(&mut tx, seen.job, *liar, now).await?);
        }
        tx.commit().await?;
        Ok((judged, ended))
    }

    /// The labels are wrong: the chunk goes back, and with it what rests on its maker's word alone; the
    /// leases that ended so.
    ///
    /// # Errors
    /// The chunk has changed since, or the database failed.
    pub async fn labels_rejected(
        &self,
        seen: &ChunkRef,
        policy: LeasePolicy,
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<LeaseToken>, StoreError> {
        let mut tx = self.begin().await?;
        let chunk = unchanged(&mut tx, seen).await?;
        let ChunkState::Checking(submitted) = chunk.state.clone() else {
            return Err(StoreError::ChunkChanged);
        };
        let after = chunk.clone().rejected(policy, reason)?;
        count(&mut tx, &[submitted.volunteer], false).await?;
        move_chunk(&mut tx, seen.job, &chunk, &after, &[], now).await?;
        let ended = distrust(&mut tx, seen.job, submitted.volunteer, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Begins the transaction in which a lease's token changes its chunk.
    async fn fenced_chunk(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
    ) -> Result<FencedChunk, StoreError> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(LEASE_BY_TOKEN)
            .bind(token.as_str())
            .fetch_optional(tx.sql().await?)
            .await?
            .ok_or_else(|| StoreError::NoLease {
                token: token.clone(),
            })?;
        let ChunkLease {
            job,
            number,
            volunteer: holder,
            ..
        } = lease_from_row(&row)?;
        if holder != volunteer {
            return Err(StoreError::NotYourLease {
                token: token.clone(),
                volunteer,
            });
        }
        let chunk = load_chunk(&mut tx, job, number).await?;
        Ok(FencedChunk { tx, job, chunk })
    }
}

/// Chunks of a job that workers have.
pub(super) async fn count_running_chunks(tx: &mut Tx, job: JobId) -> Result<u32, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS running FROM chunks WHERE job_id = $1 AND state = 'running'",
    )
    .bind(i64::from(job.0))
    .fetch_one(tx.sql().await?)
    .await?;
    u32_column(&row, "running")
}

/// Leases the first chunk of a job that waits and may go to this volunteer.
pub(super) async fn lease_chunk(
    tx: &mut Tx,
    job: JobId,
    grant: &Grant,
    policy: LeasePolicy,
    numerics: Numerics,
    now: Timestamp,
) -> Result<Option<LeasedChunk>, StoreError> {
    let job = job_in(tx, job).await?;
    if job.state != JobState::Running || job.definition.numerics != numerics {
        return Ok(None);
    }
    let rows = sqlx::query(
        "SELECT chunk, bytes FROM chunks WHERE job_id = $1 AND state = 'waiting'
         ORDER BY number LIMIT 64",
    )
    .bind(i64::from(job.id.0))
    .fetch_all(tx.sql().await?)
    .await?;
    for row in rows {
        let chunk: Chunk = json_column(&row, "chunk")?;
        if !chunk.is_for(grant.volunteer) {
            continue;
        }
        let chunk = chunk.lease(grant.clone(), policy, now)?;
        save_chunk(tx, job.id, &chunk, None, now).await?;
        record_lease(tx, job.id, &chunk, grant, now).await?;
        let bytes = u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or_default();
        return Ok(Some(LeasedChunk { job, chunk, bytes }));
    }
    Ok(None)
}

/// Leaves alone the leases that would end before the grace has passed.
pub(super) async fn spare_chunks(
    tx: &mut Tx,
    policy: LeasePolicy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT job_id, chunk FROM chunks WHERE deadline_millis < $1")
        .bind(now.plus_secs(policy.grace_secs).0)
        .fetch_all(tx.sql().await?)
        .await?;
    for row in &rows {
        let job = JobId(u32_column(row, "job_id")?);
        let chunk: Chunk = json_column(row, "chunk")?;
        let Some(token) = chunk.current_lease().map(|lease| lease.token.clone()) else {
            continue;
        };
        let spared = chunk.left_alone(&token, policy, now)?;
        save_chunk(tx, job, &spared, None, now).await?;
    }
    Ok(())
}

/// A transaction on the chunk of a lease. Whether the lease still runs, the chunk's own transitions
/// decide; dropped without a commit, nothing has happened.
struct FencedChunk {
    tx: Tx,
    job: JobId,
    chunk: Chunk,
}

impl FencedChunk {
    async fn commit(mut self, after: Chunk, now: Timestamp) -> Result<(), StoreError> {
        move_chunk(&mut self.tx, self.job, &self.chunk, &after, &[], now).await?;
        self.tx.commit().await
    }
}

const LEASE_BY_TOKEN: &str =
    "SELECT job_id, number, volunteer_id, worker, attempt FROM chunk_leases WHERE token = $1";
const CHUNK: &str = "SELECT chunk FROM chunks WHERE job_id = $1 AND number = $2";

fn lease_from_row(row: &AnyRow) -> Result<ChunkLease, StoreError> {
    let worker: &str = row.try_get("worker")?;
    Ok(ChunkLease {
        job: JobId(u32_column(row, "job_id")?),
        number: ChunkNumber(u32_column(row, "number")?),
        volunteer: VolunteerId(u32_column(row, "volunteer_id")?),
        worker: worker.parse().map_err(|error| StoreError::Stored {
            what: "worker",
            source: serde::de::Error::custom(error),
        })?,
        attempt: u32_column(row, "attempt")?,
    })
}

async fn load_chunk(tx: &mut Tx, job: JobId, number: ChunkNumber) -> Result<Chunk, StoreError> {
    let row = sqlx::query(CHUNK)
        .bind(i64::from(job.0))
        .bind(i64::from(number.0))
        .fetch_one(tx.sql().await?)
        .await?;
    json_column(&row, "chunk")
}

/// All chunks of a job, in order.
pub(super) async fn chunks_of(tx: &mut Tx, job: JobId) -> Result<Vec<Chunk>, StoreError> {
    let rows = sqlx::query("SELECT chunk FROM chunks WHERE job_id = $1 ORDER BY number")
        .bind(i64::from(job.0))
        .fetch_all(tx.sql().await?)
        .await?;
    rows.iter().map(|row| json_column(row, "chunk")).collect()
}

/// The chunk, if nothing has happened to it since it was looked at.
async fn unchanged(tx: &mut Tx, seen: &ChunkRef) -> Result<Chunk, StoreError> {
    let chunk = load_chunk(tx, seen.job, seen.number).await?;
    if chunk == seen.seen {
        Ok(chunk)
    } else {
        Err(StoreError::ChunkChanged)
    }
}

/// Stores what a chunk has become, with what that means for its pictures and its job. `answers` are
/// those of a chunk that is done now.
async fn move_chunk(
    tx: &mut Tx,
    job: JobId,
    before: &Chunk,
    after: &Chunk,
    answers: &[Answer],
    now: Timestamp,
) -> Result<(), StoreError> {
    save_chunk(tx, job, after, None, now).await?;
    if before.state.has_ended() && !after.state.has_ended() {
        delete_labels(tx, job, after).await?;
    }
    if before.state.has_ended() || !after.state.has_ended() {
        return Ok(());
    }
    match &after.state {
        ChunkState::Failed { reason } => {
            let unlabelled = vec![Answer::Unreadable(reason.clone()); after.pictures as usize];
            insert_labels(tx, job, after.first, &unlabelled).await?;
        }
        _ => insert_labels(tx, job, after.first, answers).await?,
    }
    finish_job_if_done(tx, job, now).await
}

/// Stores a chunk; `bytes` where it is new.
pub(super) async fn save_chunk(
    tx: &mut Tx,
    job: JobId,
    chunk: &Chunk,
    bytes: Option<u64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let bytes = bytes.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    sqlx::query(
        "INSERT INTO chunks (job_id, number, state, chunk, bytes, deadline_millis, opinion_millis,
             changed_millis)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (job_id, number) DO UPDATE SET state = excluded.state, chunk = excluded.chunk,
             deadline_millis = excluded.deadline_millis,
             opinion_millis = excluded.opinion_millis, changed_millis = excluded.changed_millis",
    )
    .bind(i64::from(job.0))
    .bind(i64::from(chunk.number.0))
    .bind(chunk.state.name())
    .bind(to_json(chunk))
    .bind(bytes)
    .bind(chunk.current_lease().map(|lease| lease.deadline.0))
    .bind(chunk.opinion.as_ref().map(|opinion| opinion.since.0))
    .bind(now.0)
    .execute(tx.sql().await?)
    .await?;
    Ok(())
}

/// Takes back what rests on a liar's word alone; the leases that ended so.
async fn distrust(
    tx: &mut Tx,
    job: JobId,
    liar: VolunteerId,
    now: Timestamp,
) -> Result<Vec<LeaseToken>, StoreError> {
    let mut ended = Vec::new();
    for chunk in chunks_of(tx, job).await? {
        let after = chunk.clone().without(liar);
        if after == chunk {
            continue;
        }
        if let Some(lease) = chunk.current_lease()
            && after.current_lease().is_none()
        {
            end_lease(tx, &lease.token, "distrusted", now).await?;
            ended.push(lease.token.clone());
        }
        move_chunk(tx, job, &chunk, &after, &[], now).await?;
    }
    Ok(ended)
}

async fn is_proven(tx: &mut Tx, volunteer: VolunteerId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT verified, rejected FROM volunteers WHERE id = $1")
        .bind(i64::from(volunteer.0))
        .fetch_one(tx.sql().await?)
        .await?;
    let (verified, rejected): (i64, i64) = (row.try_get("verified")?, row.try_get("rejected")?);
    Ok(verified >= PROVEN + rejected)
}

async fn count(tx: &mut Tx, volunteers: &[VolunteerId], is_right: bool) -> Result<(), StoreError> {
    for volunteer in volunteers {
        count_word(tx, *volunteer, is_right).await?;
    }
    Ok(())
}

async fn record_lease(
    tx: &mut Tx,
    job: JobId,
    chunk: &Chunk,
    grant: &Grant,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO chunk_leases (token, job_id, number, attempt, volunteer_id, worker,
             granted_millis)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(grant.token.as_str())
    .bind(i64::from(job.0))
    .bind(i64::from(chunk.number.0))
    .bind(i64::from(chunk.attempts))
    .bind(i64::from(grant.volunteer.0))
    .bind(grant.worker.as_str())
    .bind(now.0)
    .execute(tx.sql().await?)
    .await?;
    Ok(())
}

async fn end_lease(
    tx: &mut Tx,
    token: &LeaseToken,
    how: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE chunk_leases SET ended_millis = $1, ended = $2 WHERE token = $3")
        .bind(now.0)
        .bind(how)
        .bind(token.as_str())
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}

async fn require_upload(
    tx: &mut Tx,
    token: &LeaseToken,
    sha256: &Sha256,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS uploads FROM chunk_uploads WHERE token = $1 AND sha256 = $2",
    )
    .bind(token.as_str())
    .bind(sha256.as_str())
    .fetch_one(tx.sql().await?)
    .await?;
    if u32_column(&row, "uploads")? == 0 {
        return Err(StoreError::NotUploaded);
    }
    Ok(())
}
