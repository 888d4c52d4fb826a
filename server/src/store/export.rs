//! A study's trials with their history, some at a time: exports read them all.

use std::collections::BTreeMap;

use sqlx::{Row, any::AnyRow};
use tabsweep_export::{EpochRecord, TrialRecord};
use tabsweep_protocol::{StudyId, TrialNumber};
use tabsweep_study::{Timestamp, Trial};

use super::{
    Store, StoreError,
    rows::{json_column, u32_column},
};

/// A page's trials by number, and what of their history has been read.
type Page = BTreeMap<TrialNumber, TrialRecord>;

impl Store {
    /// Up to `limit` trials from number `from` on, in order, with their history.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trial_records(
        &self,
        study: StudyId,
        from: TrialNumber,
        limit: u32,
    ) -> Result<Vec<TrialRecord>, StoreError> {
        let mut page = self.bare_records(study, from, limit).await?;
        if let Some((&last, _)) = page.last_key_value() {
            self.add_epochs(&mut page, study, (from, last)).await?;
            self.add_leases(&mut page, study, (from, last)).await?;
        }
        Ok(page.into_values().collect())
    }

    async fn bare_records(
        &self,
        study: StudyId,
        from: TrialNumber,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let rows = sqlx::query(
            "SELECT trial, changed_millis FROM trials WHERE study_id = $1 AND number >= $2
             ORDER BY number LIMIT $3",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(from.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(bare_record).collect()
    }

    async fn add_epochs(
        &self,
        page: &mut Page,
        study: StudyId,
        (from, to): (TrialNumber, TrialNumber),
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT number, epoch, step, validation_score, mean_loss FROM epochs
             WHERE study_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number, epoch",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(from.0))
        .bind(i64::from(to.0))
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            let number = TrialNumber(u32_column(row, "number")?);
            if let Some(record) = page.get_mut(&number) {
                record.epochs.push(epoch_record(row)?);
            }
        }
        Ok(())
    }

    async fn add_leases(
        &self,
        page: &mut Page,
        study: StudyId,
        (from, to): (TrialNumber, TrialNumber),
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT number, granted_millis, nickname FROM leases
             JOIN volunteers ON volunteers.id = leases.volunteer_id
             WHERE study_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number, attempt",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(from.0))
        .bind(i64::from(to.0))
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            let number = TrialNumber(u32_column(row, "number")?);
            if let Some(record) = page.get_mut(&number) {
                let granted = Timestamp(row.try_get("granted_millis")?);
                record.started.get_or_insert(granted);
                record.volunteer = Some(row.try_get("nickname")?);
            }
        }
        Ok(())
    }
}

fn bare_record(row: &AnyRow) -> Result<(TrialNumber, TrialRecord), StoreError> {
    let trial: Trial = json_column(row, "trial")?;
    let number = trial.number;
    let record = TrialRecord {
        trial,
        started: None,
        changed: Timestamp(row.try_get("changed_millis")?),
        volunteer: None,
        epochs: Vec::new(),
    };
    Ok((number, record))
}

fn epoch_record(row: &AnyRow) -> Result<EpochRecord, StoreError> {
    Ok(EpochRecord {
        epoch: u32_column(row, "epoch")?,
        step: u64::try_from(row.try_get::<i64, _>("step")?).unwrap_or_default(),
        validation_score: row.try_get("validation_score")?,
        mean_loss: row.try_get("mean_loss")?,
    })
}
