//! What plots of a whole study are made of, read so that a study of many thousand trials is not read
//! whole: light columns of all of them, or the whole of few.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{StudyId, TrialNumber, VolunteerId};
use tabsweep_study::{Timestamp, Trial};

use super::{
    Store, StoreError,
    rows::{json_column, u32_column},
};

/// A verified score, when it came, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreAt {
    /// When the trial was verified.
    pub at: Timestamp,
    /// Share of the validation images classified rightly.
    pub validation: f64,
    /// Which trial.
    pub number: TrialNumber,
}

/// Which trials stand for all of a study: every `stride`-th, and the `best` best verified ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From each to the next; 1 takes all.
    pub stride: u32,
    /// How many of the best come in any case.
    pub best: u32,
}

/// A trial of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledTrial {
    /// The trial.
    pub trial: Trial,
    /// When it changed last.
    pub changed: Timestamp,
}

/// A score on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochScore {
    /// Which trial.
    pub number: TrialNumber,
    /// Epochs done.
    pub epoch: u32,
    /// Share of the validation images classified rightly, as the worker counted.
    pub validation: f64,
}

/// A worker's time with a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Which trial.
    pub number: TrialNumber,
    /// Which attempt at it.
    pub attempt: u32,
    /// Which worker.
    pub worker: String,
    /// Whose.
    pub volunteer: (VolunteerId, String),
    /// When it began.
    pub granted: Timestamp,
    /// When and how it ended.
    pub ended: Option<(Timestamp, String)>,
}

/// Epochs reported in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochCount {
    /// Number of the stretch: its begin divided by its length.
    pub slot: i64,
    /// How many.
    pub epochs: u32,
}

impl Store {
    /// The verified scores that were better than all before them, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn records(&self, study: StudyId) -> Result<Vec<ScoreAt>, StoreError> {
        let rows = sqlx::query(
            "SELECT changed_millis, validation_score, number FROM
                 (SELECT changed_millis, validation_score, number,
                     MAX(validation_score) OVER (ORDER BY changed_millis, number
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS best_before
                  FROM trials WHERE study_id = $1 AND state = 'verified') AS scored
             WHERE best_before IS NULL OR validation_score > best_before
             ORDER BY changed_millis, number",
        )
        .bind(i64::from(study.0))
        .fetch_all(&self.readers)
        .await?;
        let score = |row: &AnyRow| {
            Ok(ScoreAt {
                at: Timestamp(row.try_get("changed_millis")?),
                validation: row.try_get("validation_score")?,
                number: TrialNumber(u32_column(row, "number")?),
            })
        };
        rows.iter().map(score).collect()
    }

    /// The trials of a sample, in order of their numbers.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sampled_trials(
        &self,
        study: StudyId,
        sample: Sample,
    ) -> Result<Vec<SampledTrial>, StoreError> {
        let rows = sqlx::query(
            "SELECT trial, changed_millis FROM trials
             WHERE study_id = $1 AND (number % $2 = 0 OR number IN
                 (SELECT number FROM trials WHERE study_id = $1 AND state = 'verified'
                  ORDER BY validation_score DESC, number LIMIT $3))
             ORDER BY number",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(sample.stride))
        .bind(i64::from(sample.best))
        .fetch_all(&self.readers)
        .await?;
        let sampled = |row: &AnyRow| {
            Ok(SampledTrial {
                trial: json_column(row, "trial")?,
                changed: Timestamp(row.try_get("changed_millis")?),
            })
        };
        rows.iter().map(sampled).collect()
    }

    /// What the trials of a sample scored on the way, trial by trial, epoch by epoch.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sampled_epochs(
        &self,
        study: StudyId,
        sample: Sample,
    ) -> Result<Vec<EpochScore>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, epoch, validation_score FROM epochs
             WHERE study_id = $1 AND (number % $2 = 0 OR number IN
                 (SELECT number FROM trials WHERE study_id = $1 AND state = 'verified'
                  ORDER BY validation_score DESC, number LIMIT $3))
             ORDER BY number, epoch",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(sample.stride))
        .bind(i64::from(sample.best))
        .fetch_all(&self.readers)
        .await?;
        let score = |row: &AnyRow| {
            Ok(EpochScore {
                number: TrialNumber(u32_column(row, "number")?),
                epoch: u32_column(row, "epoch")?,
                validation: row.try_get("validation_score")?,
            })
        };
        rows.iter().map(score).collect()
    }

    /// How many trials a study has had so far.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trials_begun(&self, study: StudyId) -> Result<u32, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS trials FROM trials WHERE study_id = $1")
            .bind(i64::from(study.0))
            .fetch_one(&self.readers)
            .await?;
        u32_column(&row, "trials")
    }

    /// The newest leases of a study, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn shifts(&self, study: StudyId, most: u32) -> Result<Vec<Shift>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, attempt, worker, volunteer_id, nickname, granted_millis, ended_millis,
                 ended
             FROM leases JOIN volunteers ON volunteers.id = leases.volunteer_id
             WHERE study_id = $1 ORDER BY granted_millis DESC, number DESC, attempt DESC LIMIT $2",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().rev().map(shift_from_row).collect()
    }

    /// How many epochs were reported in each stretch of `slot_millis` since `from`; stretches without
    /// any are left out.
    ///
    /// # Errors
    /// The database failed.
    pub async fn epochs_in_time(
        &self,
        study: StudyId,
        from: Timestamp,
        slot_millis: i64,
    ) -> Result<Vec<EpochCount>, StoreError> {
        let rows = sqlx::query(
            "SELECT reported_millis / $3 AS slot, COUNT(*) AS epochs FROM epochs
             WHERE study_id = $1 AND reported_millis >= $2
             GROUP BY reported_millis / $3 ORDER BY slot",
        )
        .bind(i64::from(study.0))
        .bind(from.0)
        .bind(slot_millis)
        .fetch_all(&self.readers)
        .await?;
        let counted = |row: &AnyRow| {
            Ok(EpochCount {
                slot: row.try_get("slot")?,
                epochs: u32_column(row, "epochs")?,
            })
        };
        rows.iter().map(counted).collect()
    }

    /// When the trials ended that ended since `since`, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn ends_since(
        &self,
        study: StudyId,
        since: Timestamp,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let rows = sqlx::query(
            "SELECT changed_millis FROM trials WHERE study_id = $1 AND changed_millis >= $2
                 AND state IN ('verified', 'diverged', 'pruned', 'failed')
             ORDER BY changed_millis",
        )
        .bind(i64::from(study.0))
        .bind(since.0)
        .fetch_all(&self.readers)
        .await?;
        let time = |row: &AnyRow| Ok(Timestamp(row.try_get("changed_millis")?));
        rows.iter().map(time).collect()
    }
}

fn shift_from_row(row: &AnyRow) -> Result<Shift, StoreError> {
    let ended_millis: Option<i64> = row.try_get("ended_millis")?;
    let ended: Option<String> = row.try_get("ended")?;
    Ok(Shift {
        number: TrialNumber(u32_column(row, "number")?),
        attempt: u32_column(row, "attempt")?,
        worker: row.try_get("worker")?,
        volunteer: (
            VolunteerId(u32_column(row, "volunteer_id")?),
            row.try_get("nickname")?,
        ),
        granted: Timestamp(row.try_get("granted_millis")?),
        ended: ended_millis.map(Timestamp).zip(ended),
    })
}
