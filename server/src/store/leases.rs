//! Leases: granting the next one, and every event that a lease's token allows.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{
    CheckpointRef, Epoch, LeaseToken, Numerics, Outcome, ReleaseReason, StudyId, TrialNumber,
    VolunteerId, WorkerId,
};
use tabsweep_study::{
    Checkpoint, Event, EventKind, Grant, LeasePolicy, Pending, Study, Timestamp, Trial,
};

use super::{
    Store, StoreError, StoredStudy, Tx,
    batch::Kind,
    events::{add_event, move_trial, take_timeline},
    next::next_trial,
    rows::{json_column, u32_column},
    studies::study_in,
    uploads::require_upload,
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

/// What becomes of a worker's trial after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It goes on.
    GoesOn,
    /// It has been stopped for good.
    Pruned,
}

impl Store {
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
        let row = sqlx::query("SELECT worker FROM leases WHERE token = $1")
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
        let after = trial.clone().heard(token, policy, now)?;
        commit(tx, &record, &trial, &after, now).await
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
        let after = trial.clone().left_alone(token, policy, now)?;
        commit(tx, &record, &trial, &after, now).await
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
        let before = trial.clone();
        let after = match reason {
            ReleaseReason::Stopped | ReleaseReason::OtherNumerics => trial.released(token)?,
            ReleaseReason::Failed => trial.given_up(token, policy)?,
        };
        end_lease(&mut tx, token, "released", now);
        commit(tx, &record, &before, &after, now).await
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
        let after = trial.clone().heard(&lease, policy, now)?;
        let after = after.checkpointed(Checkpoint {
            step,
            sha256,
            lease,
        })?;
        commit(tx, &record, &trial, &after, now).await
    }

    /// The holder has trained and scored an epoch; the pruner may stop the trial then. `is_last` says
    /// that the trial ends with this epoch.
    ///
    /// # Errors
    /// The lease is not (or no longer) this volunteer's.
    pub async fn epoch_ended(
        &self,
        epoch: &Epoch,
        is_last: impl FnOnce(&Trial) -> bool,
        volunteer: VolunteerId,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Heard, StoreError> {
        let Fenced {
            mut tx,
            record,
            trial,
        } = self.fenced(&epoch.lease, volunteer).await?;
        let after = trial.clone().heard(&epoch.lease, policy, now)?;
        record_epoch(&mut tx, &record, epoch, now);
        let validation = accuracy(epoch);
        let stored = study_in(&mut tx, record.study).await?;
        let may_stop = stored.study.pruner.reads_reports() && !is_last(&after);
        if may_stop && stops(&mut tx, &record, &stored.study, epoch.epoch, validation).await? {
            let pruned = after.pruned(&epoch.lease, epoch.epoch, validation)?;
            end_lease(&mut tx, &epoch.lease, "pruned", now);
            commit(tx, &record, &trial, &pruned, now).await?;
            return Ok(Heard::Pruned);
        }
        if has_moved(&trial, &after, policy) {
            move_trial(&mut tx, record.study, Some(&trial), &after, now).await?;
        }
        tx.commit().await?;
        Ok(Heard::GoesOn)
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
        // Weights are public once they are verified: whoever claims another trial's has copied them.
        // Looked for without the write lock.
        let others = match outcome {
            Outcome::Finished(finished) => {
                self.trials_with_weights(&finished.weights_sha256).await?
            }
            Outcome::Paused(_) | Outcome::Diverged { .. } => Vec::new(),
        };
        let Fenced {
            mut tx,
            record,
            trial,
        } = self.fenced(token, volunteer).await?;
        let is_same =
            |other: &Trial| (other.seed, &other.parameters) == (trial.seed, &trial.parameters);
        if !others.iter().all(is_same) {
            return Err(StoreError::CopiedWeights);
        }
        let (lease, claim) = (token.clone(), outcome.clone());
        let before = trial.clone();
        let trial = trial.claimed(Pending {
            lease,
            volunteer,
            claimed: now,
            outcome: claim,
        })?;
        match outcome {
            Outcome::Finished(finished) => {
                require_upload(&mut tx, token, &finished.weights_sha256).await?;
            }
            Outcome::Paused(paused) => {
                require_upload(&mut tx, token, &paused.state_sha256).await?;
            }
            Outcome::Diverged { .. } => {}
        }
        end_lease(&mut tx, token, "claimed", now);
        commit(tx, &record, &before, &trial, now).await
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
        const DUE: &str = "SELECT study_id, trial FROM trials
             WHERE deadline_millis IS NOT NULL AND deadline_millis <= $1";
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
        let rows = sqlx::query(DUE)
            .bind(now.0)
            .fetch_all(tx.sql().await?)
            .await?;
        let mut studies = Vec::new();
        for row in rows {
            let study = StudyId(u32_column(&row, "study_id")?);
            let trial: Trial = json_column(&row, "trial")?;
            let after = trial.clone().expired(policy, now)?;
            if let Some(lease) = trial.current_lease() {
                end_lease(&mut tx, &lease.token, "expired", now);
            }
            move_trial(&mut tx, study, Some(&trial), &after, now).await?;
            studies.push(study);
        }
        tx.commit().await?;
        studies.dedup();
        Ok(studies)
    }

    /// Begins the transaction in which a lease's token changes its trial.
    async fn fenced(
        &self,
        token: &LeaseToken,
        volunteer: VolunteerId,
    ) -> Result<Fenced, StoreError> {
        let mut tx = self.begin().await?;
        let (record, trial) = match tx.memory().trial_in_hand(token) {
            Some((study, trial)) => (LeaseRecord::of(study, &trial, token)?, trial),
            None => leased(&mut tx, token).await?,
        };
        if record.volunteer != volunteer {
            return Err(StoreError::NotYourLease {
                token: token.clone(),
                volunteer,
            });
        }
        if record.numerics != trial.numerics {
            return Err(StoreError::OtherNumerics {
                lease: record.numerics,
                trial: trial.numerics,
            });
        }
        Ok(Fenced { tx, record, trial })
    }
}

/// A lease, running or not, and its trial.
async fn leased(tx: &mut Tx, token: &LeaseToken) -> Result<(LeaseRecord, Trial), StoreError> {
    let row = sqlx::query(
        "SELECT leases.study_id, leases.number, leases.volunteer_id, attempt, leases.numerics, trial
         FROM leases JOIN trials ON trials.study_id = leases.study_id
                                AND trials.number = leases.number
         WHERE token = $1",
    )
    .bind(token.as_str())
    .fetch_optional(tx.sql().await?)
    .await?
    .ok_or_else(|| StoreError::NoLease {
        token: token.clone(),
    })?;
    Ok((lease_from_row(&row)?, json_column(&row, "trial")?))
}

impl LeaseRecord {
    /// The running lease of a trial.
    fn of(study: StudyId, trial: &Trial, token: &LeaseToken) -> Result<Self, StoreError> {
        let lease = trial.current_lease();
        let lease = lease.ok_or_else(|| StoreError::NoLease {
            token: token.clone(),
        })?;
        Ok(Self {
            study,
            number: trial.number,
            volunteer: lease.volunteer,
            attempt: trial.attempts,
            numerics: trial.numerics,
        })
    }
}

/// A transaction on the trial of a lease. Whether the lease still runs, the trial's own transitions
/// decide; dropped without a commit, nothing has happened.
struct Fenced {
    tx: Tx,
    record: LeaseRecord,
    trial: Trial,
}

/// Leases a study's next trial that is, or becomes, one of `numerics`.
pub(super) async fn lease_trial(
    tx: &mut Tx,
    study: &StoredStudy,
    grant: &Grant,
    policy: LeasePolicy,
    numerics: Numerics,
    now: Timestamp,
) -> Result<Option<Trial>, StoreError> {
    let next = next_trial(tx, study, grant.volunteer, numerics, now).await?;
    let Some((before, trial)) = next else {
        return Ok(None);
    };
    let trial = trial.lease(grant.clone(), policy, now)?;
    move_trial(tx, study.id, before.as_ref(), &trial, now).await?;
    record_lease(tx, study.id, &trial, grant, now);
    Ok(Some(trial))
}

/// Whether a trial that was heard of is worth storing: its deadline moves four times per lease, not
/// with each word.
fn has_moved(before: &Trial, after: &Trial, policy: LeasePolicy) -> bool {
    let (Some(before), Some(after)) = (before.current_lease(), after.current_lease()) else {
        return true;
    };
    let moved_millis = after.deadline.0 - before.deadline.0;
    before.presence != after.presence || moved_millis >= i64::from(policy.lease_secs) * 1000 / 4
}

async fn commit(
    mut tx: Tx,
    record: &LeaseRecord,
    before: &Trial,
    after: &Trial,
    now: Timestamp,
) -> Result<(), StoreError> {
    move_trial(&mut tx, record.study, Some(before), after, now).await?;
    tx.commit().await
}

const LEASE_BY_TOKEN: &str =
    "SELECT study_id, number, volunteer_id, attempt, numerics FROM leases WHERE token = $1";

fn lease_from_row(row: &AnyRow) -> Result<LeaseRecord, StoreError> {
    Ok(LeaseRecord {
        study: StudyId(u32_column(row, "study_id")?),
        number: TrialNumber(u32_column(row, "number")?),
        volunteer: VolunteerId(u32_column(row, "volunteer_id")?),
        attempt: u32_column(row, "attempt")?,
        numerics: Numerics(u32_column(row, "numerics")?),
    })
}

/// Whether the pruner stops the trial of a lease after this report, which is stored as an event.
async fn stops(
    tx: &mut Tx,
    record: &LeaseRecord,
    study: &Study,
    epoch: u32,
    validation: f64,
) -> Result<bool, StoreError> {
    let score = study.objective.score(validation);
    let event = Event {
        number: record.number,
        kind: EventKind::Reported { epoch, score },
    };
    add_event(tx, record.study, &event).await?;
    let timeline = take_timeline(tx, record.study, study).await?;
    let stops = study.pruner.stops(&timeline, record.number, epoch);
    tx.memory().keep_timeline(record.study, timeline);
    Ok(stops)
}

/// The share of the validation images that an epoch's report says were classified rightly.
fn accuracy(epoch: &Epoch) -> f64 {
    f64::from(epoch.validation_correct) / f64::from(epoch.validation_count.max(1))
}

fn record_lease(tx: &mut Tx, study: StudyId, trial: &Trial, grant: &Grant, now: Timestamp) {
    let origin = trial.checkpoint.as_ref();
    let row = vec![
        grant.token.as_str().into(),
        study.0.into(),
        trial.number.0.into(),
        trial.attempts.into(),
        trial.numerics.0.into(),
        grant.volunteer.0.into(),
        grant.worker.as_str().into(),
        now.0.into(),
        origin.map_or(0, |checkpoint| checkpoint.step).into(),
        origin.map(|checkpoint| checkpoint.lease.as_str()).into(),
    ];
    tx.push(Kind::Lease, row);
}

pub(super) fn end_lease(tx: &mut Tx, token: &LeaseToken, how: &'static str, now: Timestamp) {
    tx.push(
        Kind::LeaseEnd,
        vec![token.as_str().into(), now.0.into(), how.into()],
    );
}

fn record_epoch(tx: &mut Tx, record: &LeaseRecord, epoch: &Epoch, now: Timestamp) {
    let row = vec![
        record.study.0.into(),
        record.number.0.into(),
        epoch.epoch.into(),
        epoch.step.into(),
        accuracy(epoch).into(),
        f64::from(epoch.mean_loss).into(),
        epoch.state_sha256.as_str().into(),
        record.attempt.into(),
        now.0.into(),
    ];
    tx.push(Kind::Epoch, row);
}
