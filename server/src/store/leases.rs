//! Leases: granting the next one, and every event that a lease's token allows.

use sqlx::{Row, sqlite::SqliteRow};
use tabsweep_protocol::{
    CheckpointRef, Epoch, LeaseToken, NoWorkReason, Numerics, Outcome, Parameters, ReleaseReason,
    StudyId, TrialNumber, VolunteerId, WorkerId,
};
use tabsweep_study::{
    Checkpoint, Event, Grant, LeasePolicy, Pending, Timeline, Timestamp, Trial, sampler, trial_seed,
};

use super::{
    Store, StoreError, StoredStudy, Tx,
    rows::{json_column, load_trial, save_trial, u32_column},
    studies::{finish_study_if_done, study_from_row},
    uploads::{require_own_weights, require_upload},
};

/// A lease in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The study.
    pub study: StudyId,
    /// The trial.
    pub number: TrialNumber,
    /// Whose it was.
    pub volunteer: VolunteerId,
    /// 1 for the trial's first.
    pub attempt: u32,
    /// The numeric contract it was granted under.
    pub numerics: Numerics,
}

/// A trial that has just been leased.
#[derive(Clone, Debug, PartialEq)]
pub struct Leased {
    /// Its study.
    pub study: StoredStudy,
    /// The trial, running.
    pub trial: Trial,
}

/// What came of asking for work.
#[derive(Clone, Debug, PartialEq)]
pub enum NextLease {
    /// Work.
    Leased(Box<Leased>),
    /// None, and why.
    None(NoWorkReason),
}

impl Store {
    /// Leases the next trial that is, or becomes, one of `numerics`: one that waits, else a new
    /// suggestion while a study has budget.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lease_next(
        &self,
        grant: Grant,
        policy: LeasePolicy,
        numerics: Numerics,
        now: Timestamp,
    ) -> Result<NextLease, StoreError> {
        let mut tx = self.begin().await?;
        let studies = running_studies(&mut tx).await?;
        for study in &studies {
            if let Some(trial) = next_trial(&mut tx, study, grant.volunteer, numerics).await? {
                let trial = trial.lease(grant.clone(), policy, now)?;
                save_trial(&mut tx, study.id, &trial, now.0).await?;
                record_lease(&mut tx, study.id, &trial, &grant, now).await?;
                tx.commit().await?;
                let leased = Leased {
                    study: study.clone(),
                    trial,
                };
                return Ok(NextLease::Leased(Box::new(leased)));
            }
        }
        if !studies.is_empty() {
            return Ok(NextLease::None(NoWorkReason::AllLeased));
        }
        let row = sqlx::query("SELECT COUNT(*) AS studies FROM studies")
            .fetch_one(&mut *tx)
            .await?;
        let is_new = u32_column(&row, "studies")? == 0;
        Ok(NextLease::None(if is_new {
            NoWorkReason::NoStudy
        } else {
            NoWorkReason::AllFinished
        }))
    }

    /// The lease with this token, running or not.
    ///
    /// # Errors
    /// There never was one.
    pub async fn lease(&self, token: &LeaseToken) -> Result<LeaseRecord, StoreError> {
        let row = sqlx::query(LEASE_BY_TOKEN)
            .bind(token.as_str())
            .fetch_optional(&self.readers)
            .await?
            .ok_or_else(|| StoreError::NoLease {
                token: token.clone(),
            })?;
        lease_from_row(&row)
    }

    /// The worker to which this lease was granted.
    ///
    /// # Errors
    /// There never was one.
    pub async fn worker_of(&self, token: &LeaseToken) -> Result<WorkerId, StoreError> {
        let row = sqlx::query("SELECT worker FROM leases WHERE token = ?")
            .bind(token.as_str())
            .fetch_optional(&self.readers)
            .await?
            .ok_or_else(|| StoreError::NoLease {
                token: token.clone(),
            })?;
        let text: &str = row.try_get("worker")?;
        text.parse().map_err(|error| StoreError::Stored {
            what: "worker",
            source: serde::de::Error::custom(error),
        })
    }

    /// The holder was heard of, or came back: the deadline moves.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn heard(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Fenced { tx, record, trial } = self.fenced(token, volunteer).await?;
        commit(tx, &record, &trial.heard(token, policy, now)?, now).await
    }

    /// The holder's socket closed.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn left_alone(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Fenced { tx, record, trial } = self.fenced(token, volunteer).await?;
        commit(tx, &record, &trial.left_alone(token, policy, now)?, now).await
    }

    /// The holder gives the trial back.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn released(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        reason: ReleaseReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Fenced {
            mut tx,
            record,
            trial,
        } = self.fenced(token, volunteer).await?;
        let trial = match reason {
            ReleaseReason::Stopped | ReleaseReason::OtherNumerics => trial.released(token)?,
            ReleaseReason::Failed => trial.given_up(token, policy)?,
        };
        end_lease(&mut tx, token, "released", now).await?;
        commit(tx, &record, &trial, now).await
    }

    /// The holder has uploaded a checkpoint.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's, or the blob was not uploaded with it.
    pub async fn checkpointed(
        &self,
        checkpoint: &CheckpointRef,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let CheckpointRef {
            lease,
            step,
            sha256,
        } = checkpoint.clone();
        let Fenced {
            mut tx,
            record,
            trial,
        } = self.fenced(&lease, volunteer).await?;
        require_upload(&mut tx, &lease, &sha256).await?;
        let trial = trial.heard(&lease, policy, now)?;
        let trial = trial.checkpointed(Checkpoint {
            step,
            sha256,
            lease,
        })?;
        commit(tx, &record, &trial, now).await
    }

    /// The holder has trained and scored an epoch.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn epoch_ended(
        &self,
        epoch: &Epoch,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Fenced {
            mut tx,
            record,
            trial,
        } = self.fenced(&epoch.lease, volunteer).await?;
        let trial = trial.heard(&epoch.lease, policy, now)?;
        record_epoch(&mut tx, &record, epoch, now).await?;
        commit(tx, &record, &trial, now).await
    }

    /// Somebody says that a trial has ended. Taken from the holder of the lease, and from the
    /// holder of an earlier lease of the trial while nobody else has one.
    ///
    /// # Errors
    /// The lease is not this volunteer's, the trial is in other hands or has ended, or the weights
    /// were not uploaded with this lease.
    pub async fn claimed(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Fenced {
            mut tx,
            record,
            trial,
        } = self.fenced(token, volunteer).await?;
        let (lease, claim) = (token.clone(), outcome.clone());
        let trial = trial.claimed(Pending {
            lease,
            volunteer,
            claimed: now,
            outcome: claim,
        })?;
        match outcome {
            Outcome::Finished(finished) => {
                require_upload(&mut tx, token, &finished.weights_sha256).await?;
                require_own_weights(&mut tx, &trial, &finished.weights_sha256).await?;
            }
            Outcome::Paused(paused) => {
                require_upload(&mut tx, token, &paused.state_sha256).await?;
            }
            Outcome::Diverged { .. } => {}
        }
        end_lease(&mut tx, token, "claimed", now).await?;
        commit(tx, &record, &trial, now).await
    }

    /// Frees all trials whose leases have ended; the studies concerned.
    ///
    /// # Errors
    /// The database failed.
    pub async fn expire_leases(
        &self,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Vec<StudyId>, StoreError> {
        const DUE: &str = "SELECT study_id, number FROM trials
             WHERE deadline_millis IS NOT NULL AND deadline_millis <= ?";
        // Looked for without the write lock: mostly there is nothing.
        if sqlx::query(DUE)
            .bind(now.0)
            .fetch_optional(&self.readers)
            .await?
            .is_none()
        {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let rows = sqlx::query(DUE).bind(now.0).fetch_all(&mut *tx).await?;
        let mut studies = Vec::new();
        for row in rows {
            let study = StudyId(u32_column(&row, "study_id")?);
            let trial =
                load_trial(&mut tx, study, TrialNumber(u32_column(&row, "number")?)).await?;
            let token = trial.current_lease().map(|lease| lease.token.clone());
            let trial = trial.expired(policy, now)?;
            if let Some(token) = token {
                end_lease(&mut tx, &token, "expired", now).await?;
            }
            save_trial(&mut tx, study, &trial, now.0).await?;
            finish_study_if_done(&mut tx, study).await?;
            studies.push(study);
        }
        tx.commit().await?;
        studies.dedup();
        Ok(studies)
    }

    /// After a restart all sockets are gone: every holder gets `grace_secs` to come back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn leave_all_alone(
        &self,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query("SELECT study_id, trial FROM trials WHERE state = 'running'")
            .fetch_all(&mut *tx)
            .await?;
        let mut left = 0;
        for row in rows {
            let trial: Trial = json_column(&row, "trial")?;
            let Some(token) = trial.current_lease().map(|lease| lease.token.clone()) else {
                continue;
            };
            let trial = trial.left_alone(&token, policy, now)?;
            save_trial(
                &mut tx,
                StudyId(u32_column(&row, "study_id")?),
                &trial,
                now.0,
            )
            .await?;
            left += 1;
        }
        tx.commit().await?;
        Ok(left)
    }

    /// Begins the transaction in which a lease's token changes its trial.
    async fn fenced(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
    ) -> Result<Fenced, StoreError> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(LEASE_BY_TOKEN)
            .bind(token.as_str())
            .fetch_optional(&mut *tx)
            .await?
            .ok_or_else(|| StoreError::NoLease {
                token: token.clone(),
            })?;
        let record = lease_from_row(&row)?;
        if record.volunteer != volunteer {
            return Err(StoreError::NotYourLease {
                token: token.clone(),
                volunteer,
            });
        }
        let trial = load_trial(&mut tx, record.study, record.number).await?;
        if record.numerics != trial.numerics {
            return Err(StoreError::OtherNumerics {
                lease: record.numerics,
                trial: trial.numerics,
            });
        }
        Ok(Fenced { tx, record, trial })
    }
}

/// A transaction on the trial of a lease. Whether the lease still runs, the trial's own transitions
/// decide; dropped without a commit, nothing has happened.
struct Fenced {
    tx: Tx,
    record: LeaseRecord,
    trial: Trial,
}

async fn commit(
    mut tx: Tx,
    record: &LeaseRecord,
    trial: &Trial,
    now: Timestamp,
) -> Result<(), StoreError> {
    save_trial(&mut tx, record.study, trial, now.0).await?;
    if trial.state.has_ended() {
        finish_study_if_done(&mut tx, record.study).await?;
    }
    tx.commit().await
}

const LEASE_BY_TOKEN: &str =
    "SELECT study_id, number, volunteer_id, attempt, numerics FROM leases WHERE token = ?";

fn lease_from_row(row: &SqliteRow) -> Result<LeaseRecord, StoreError> {
    Ok(LeaseRecord {
        study: StudyId(u32_column(row, "study_id")?),
        number: TrialNumber(u32_column(row, "number")?),
        volunteer: VolunteerId(u32_column(row, "volunteer_id")?),
        attempt: u32_column(row, "attempt")?,
        numerics: Numerics(u32_column(row, "numerics")?),
    })
}

async fn running_studies(tx: &mut Tx) -> Result<Vec<StoredStudy>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, state, definition, data, created_millis FROM studies
         WHERE state = 'running' ORDER BY id",
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(study_from_row).collect()
}

/// The trial to hand out next: the first that waits and may go to this volunteer, else a new one.
async fn next_trial(
    tx: &mut Tx,
    study: &StoredStudy,
    volunteer: VolunteerId,
    numerics: Numerics,
) -> Result<Option<Trial>, StoreError> {
    let rows = sqlx::query(
        "SELECT trial FROM trials WHERE study_id = ? AND state = 'waiting' AND numerics = ?
         ORDER BY number LIMIT 64",
    )
    .bind(study.id.0)
    .bind(numerics.0)
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let trial: Trial = json_column(&row, "trial")?;
        if !trial.refused.contains(&volunteer) {
            return Ok(Some(trial));
        }
    }
    // Numbers have no gaps; counting them would take longer with each.
    let row =
        sqlx::query("SELECT COALESCE(MAX(number) + 1, 0) AS trials FROM trials WHERE study_id = ?")
            .bind(study.id.0)
            .fetch_one(&mut **tx)
            .await?;
    let number = TrialNumber(u32_column(&row, "trials")?);
    if number.0 >= study.study.budget.trials {
        return Ok(None);
    }
    let parameters = suggest(tx, study, number).await?;
    Ok(Some(Trial::new(
        number,
        parameters,
        trial_seed(study.study.seed, number),
        numerics,
    )))
}

async fn suggest(
    tx: &mut Tx,
    study: &StoredStudy,
    number: TrialNumber,
) -> Result<Parameters, StoreError> {
    if !sampler(study.study.sampler).reads_history() {
        let nothing = Timeline::new(study.study.objective);
        return Ok(study.study.suggest(nothing.history(), number));
    }
    let rows = sqlx::query("SELECT trial FROM trials WHERE study_id = ? ORDER BY number")
        .bind(study.id.0)
        .fetch_all(&mut **tx)
        .await?;
    let mut timeline = Timeline::new(study.study.objective);
    for row in rows {
        let trial: Trial = json_column(&row, "trial")?;
        let unsuggested = Trial::new(
            trial.number,
            trial.parameters.clone(),
            trial.seed,
            trial.numerics,
        );
        let suggested = Event::between(None, &unsuggested, study.study.objective);
        let since = Event::between(Some(&unsuggested), &trial, study.study.objective);
        suggested
            .into_iter()
            .chain(since)
            .for_each(|event| timeline.fold(event));
    }
    Ok(study.study.suggest(timeline.history(), number))
}

async fn record_lease(
    tx: &mut Tx,
    study: StudyId,
    trial: &Trial,
    grant: &Grant,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO leases (token, study_id, number, attempt, numerics, volunteer_id, worker,
             granted_millis)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(grant.token.as_str())
    .bind(study.0)
    .bind(trial.number.0)
    .bind(trial.attempts)
    .bind(trial.numerics.0)
    .bind(grant.volunteer.0)
    .bind(grant.worker.as_str())
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn end_lease(
    tx: &mut Tx,
    token: &LeaseToken,
    how: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE leases SET ended_millis = ?, ended = ? WHERE token = ?")
        .bind(now.0)
        .bind(how)
        .bind(token.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn record_epoch(
    tx: &mut Tx,
    record: &LeaseRecord,
    epoch: &Epoch,
    now: Timestamp,
) -> Result<(), StoreError> {
    let score = f64::from(epoch.validation_correct) / f64::from(epoch.validation_count.max(1));
    sqlx::query(
        "INSERT INTO epochs (study_id, number, epoch, step, validation_score, mean_loss,
             state_sha256, attempt, reported_millis)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (study_id, number, epoch) DO UPDATE SET step = excluded.step,
             validation_score = excluded.validation_score, mean_loss = excluded.mean_loss,
             state_sha256 = excluded.state_sha256, attempt = excluded.attempt,
             reported_millis = excluded.reported_millis",
    )
    .bind(record.study.0)
    .bind(record.number.0)
    .bind(epoch.epoch)
    .bind(i64::try_from(epoch.step).unwrap_or(i64::MAX))
    .bind(score)
    .bind(f64::from(epoch.mean_loss))
    .bind(epoch.state_sha256.as_str())
    .bind(record.attempt)
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
