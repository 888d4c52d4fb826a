//! Between Rust and columns: numbers, JSON, hashes.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{Sha256, StudyId, TrialNumber};
use tabsweep_study::{Timestamp, Trial, TrialState, Verified};

use super::{
    ClaimKind, StoreError, Tx,
    batch::{Kind, Value},
};

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
        .fetch_optional(tx.sql().await?)
        .await?
        .ok_or(StoreError::NoTrial { study, number })?;
    json_column(&row, "trial")
}

/// Stores a trial as it is now.
pub(super) fn save_trial(tx: &mut Tx, study: StudyId, trial: &Trial, now: Timestamp) {
    let checkpoint = trial.checkpoint.as_ref();
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
    let score = |score: fn(&Verified) -> f64| Value::Score(verified.map(score));
    let row = vec![
        study.0.into(),
        trial.number.0.into(),
        trial.state.name().into(),
        to_json(trial).as_str().into(),
        trial.numerics.0.into(),
        trial.current_lease().map(|lease| lease.deadline.0).into(),
        checkpoint
            .map(|checkpoint| checkpoint.sha256.as_str())
            .into(),
        score(|verified| verified.scores.validation),
        score(|verified| verified.scores.test),
        verified
            .map(|verified| verified.weights_sha256.as_str())
            .into(),
        verified
            .map(|verified| i64::from(verified.volunteer.0))
            .into(),
        now.0.into(),
        is_in_hand.then_some(tx.server().0).into(),
        claim.into(),
    ];
    tx.memory().trial_stored(study, trial);
    tx.push(Kind::Trial, row);
}
