//! Between Rust and columns: numbers, JSON, hashes.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, sqlite::SqliteRow};
use tabsweep_protocol::{Sha256, StudyId, TrialNumber};
use tabsweep_study::{Trial, TrialState};

use super::{StoreError, Tx};

pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("stored values hold nothing that JSON can't")
}

pub(super) fn from_json<T: DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Stored { what, source })
}

pub(super) fn json_column<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, StoreError> {
    from_json(row.try_get::<&str, _>(column)?, column)
}

pub(super) fn hash_column(row: &SqliteRow, column: &'static str) -> Result<Sha256, StoreError> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::Stored {
        what: column,
        source: serde::de::Error::custom(error),
    })
}

/// Ids and counts are `BIGINT` and never reach 2³².
pub(super) fn u32_column(row: &SqliteRow, column: &'static str) -> Result<u32, StoreError> {
    let value: i64 = row.try_get(column)?;
    u32::try_from(value).map_err(|error| StoreError::Stored {
        what: column,
        source: serde::de::Error::custom(error),
    })
}

pub(super) async fn load_trial(
    tx: &mut Tx,
    study: StudyId,
    number: TrialNumber,
) -> Result<Trial, StoreError> {
    let row = sqlx::query("SELECT trial FROM trials WHERE study_id = ? AND number = ?")
        .bind(study.0)
        .bind(number.0)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(StoreError::NoTrial { study, number })?;
    json_column(&row, "trial")
}

pub(super) async fn save_trial(
    tx: &mut Tx,
    study: StudyId,
    trial: &Trial,
    now_millis: i64,
) -> Result<(), StoreError> {
    let deadline = trial.current_lease().map(|lease| lease.deadline.0);
    let checkpoint = trial
        .checkpoint
        .as_ref()
        .map(|checkpoint| checkpoint.sha256.as_str());
    let verified = match &trial.state {
        TrialState::Verified(verified) => Some(verified),
        _ => None,
    };
    sqlx::query(
        "INSERT INTO trials (study_id, number, state, trial, numerics, deadline_millis, checkpoint,
             validation_score, test_score, weights_sha256, volunteer_id, changed_millis)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (study_id, number) DO UPDATE SET state = excluded.state,
             trial = excluded.trial, numerics = excluded.numerics,
             deadline_millis = excluded.deadline_millis, checkpoint = excluded.checkpoint,
             validation_score = excluded.validation_score, test_score = excluded.test_score,
             weights_sha256 = excluded.weights_sha256, volunteer_id = excluded.volunteer_id,
             changed_millis = excluded.changed_millis",
    )
    .bind(study.0)
    .bind(trial.number.0)
    .bind(trial.state.name())
    .bind(to_json(trial))
    .bind(trial.numerics.0)
    .bind(deadline)
    .bind(checkpoint)
    .bind(verified.map(|verified| verified.scores.validation))
    .bind(verified.map(|verified| verified.scores.test))
    .bind(verified.map(|verified| verified.weights_sha256.as_str()))
    .bind(verified.map(|verified| verified.volunteer.0))
    .bind(now_millis)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
