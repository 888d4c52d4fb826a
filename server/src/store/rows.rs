//! Between Rust and columns: numbers, JSON, hashes.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{Sha256, StudyId, TrialNumber};
use tabsweep_study::{Trial, TrialState};

use super::{ClaimKind, StoreError, Tx};

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
    row: &AnyRow,
    column: &'static str,
) -> Result<T, StoreError> {
    from_json(row.try_get::<&str, _>(column)?, column)
}

pub(super) fn hash_column(row: &AnyRow, column: &'static str) -> Result<Sha256, StoreError> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::Stored {
        what: column,
        source: serde::de::Error::custom(error),
    })
}

/// Ids and counts are `BIGINT` and never reach 2³².
pub(super) fn u32_column(row: &AnyRow, column: &'static str) -> Result<u32, StoreError> {
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
    let row = sqlx::query("SELECT trial FROM trials WHERE study_id = $1 AND number = $2")
        .bind(i64::from(study.0))
        .bind(i64::from(number.0))
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
    let is_in_hand = matches!(
        trial.state,
        TrialState::Running(_) | TrialState::Checking(_)
    );
    let claim = match &trial.state {
        TrialState::Checking(pending) => Some(ClaimKind::of(&pending.outcome).name()),
        _ => None,
    };
    sqlx::query(
        "INSERT INTO trials (study_id, number, state, trial, numerics, deadline_millis, checkpoint,
             validation_score, test_score, weights_sha256, volunteer_id, changed_millis, server, claim)
         VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $3 = 'verified' THEN $8 END,
             CASE WHEN $3 = 'verified' THEN $9 END, $10, $11, $12, $13, $14)
         ON CONFLICT (study_id, number) DO UPDATE SET state = excluded.state,
             trial = excluded.trial, numerics = excluded.numerics,
             deadline_millis = excluded.deadline_millis, checkpoint = excluded.checkpoint,
             validation_score = excluded.validation_score, test_score = excluded.test_score,
             weights_sha256 = excluded.weights_sha256, volunteer_id = excluded.volunteer_id,
             changed_millis = excluded.changed_millis, server = excluded.server,
             claim = excluded.claim",
    )
    .bind(i64::from(study.0))
    .bind(i64::from(trial.number.0))
    .bind(trial.state.name())
    .bind(to_json(trial))
    .bind(i64::from(trial.numerics.0))
    .bind(deadline)
    .bind(checkpoint)
    // Never as NULL: sqlx's driver for all databases gives that another type than numbers.
    .bind(verified.map_or(0.0, |verified| verified.scores.validation))
    .bind(verified.map_or(0.0, |verified| verified.scores.test))
    .bind(verified.map(|verified| verified.weights_sha256.as_str()))
    .bind(verified.map(|verified| i64::from(verified.volunteer.0)))
    .bind(now_millis)
    .bind(is_in_hand.then_some(tx.server().0))
    .bind(claim)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
