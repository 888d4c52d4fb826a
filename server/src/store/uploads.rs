//! Which lease uploaded which bytes, and which bytes nobody needs any more.

use sqlx::Row;
use tabsweep_protocol::{LeaseToken, Sha256};
use tabsweep_study::{Timestamp, Trial};

use super::{
    Store, StoreError, Tx,
    batch::Kind,
    rows::{hash_column, json_column, u32_column},
};

/// What a lease has uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploads {
    /// Then nothing more is expected.
    pub trial_has_ended: bool,
    /// Bytes that are still kept.
    pub bytes: u64,
}

impl Store {
    /// Notes that bytes have arrived; they are on disk already.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_upload(
        &self,
        token: &LeaseToken,
        sha256: &Sha256,
        bytes: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = vec![
            token.as_str().into(),
            sha256.as_str().into(),
            bytes.into(),
            now.0.into(),
        ];
        self.writer.add(Kind::Upload, row).await
    }

    /// What a lease may still upload: whether its trial has ended, and the bytes of it that are kept.
    ///
    /// # Errors
    /// There never was such a lease.
    pub async fn uploads_of(&self, token: &LeaseToken) -> Result<Uploads, StoreError> {
        let row = sqlx::query(
            "SELECT trials.state AS state,
                 (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM uploads
                  WHERE token = leases.token) AS bytes
             FROM leases JOIN trials ON trials.study_id = leases.study_id
                                    AND trials.number = leases.number
             WHERE leases.token = $1",
        )
        .bind(token.as_str())
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| StoreError::NoLease {
            token: token.clone(),
        })?;
        let state: &str = row.try_get("state")?;
        Ok(Uploads {
            trial_has_ended: !matches!(state, "waiting" | "running" | "checking" | "paused"),
            bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or_default(),
        })
    }

    /// Uploads from before `before` that no trial needs: neither as its checkpoint, nor as its
    /// weights, nor for a check under way. Their rows are deleted; the caller deletes the bytes.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_unneeded_uploads(
        &self,
        before: Timestamp,
    ) -> Result<Vec<Sha256>, StoreError> {
        let mut tx = self.begin().await?;
        tx.write_batch().await?;
        let rows = sqlx::query(
            "SELECT sha256 FROM uploads GROUP BY sha256
             HAVING MAX(uploaded_millis) < $1
                AND NOT EXISTS (SELECT 1 FROM trials WHERE trials.checkpoint = uploads.sha256)
                AND NOT EXISTS (SELECT 1 FROM trials WHERE trials.weights_sha256 = uploads.sha256)
                AND NOT EXISTS (
                    SELECT 1 FROM uploads AS same
                    JOIN leases ON leases.token = same.token
                    JOIN trials ON trials.study_id = leases.study_id
                               AND trials.number = leases.number
                    WHERE same.sha256 = uploads.sha256 AND trials.state = 'checking')",
        )
        .bind(before.0)
        .fetch_all(&mut *tx)
        .await?;
        let hashes = rows
            .iter()
            .map(|row| hash_column(row, "sha256"))
            .collect::<Result<Vec<_>, _>>()?;
        for hash in &hashes {
            sqlx::query("DELETE FROM uploads WHERE sha256 = $1")
                .bind(hash.as_str())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(hashes)
    }

    /// Whether the blob is the weights of a verified trial, which anybody may have.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_verified_weights(&self, sha256: &Sha256) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS trials FROM trials WHERE weights_sha256 = $1")
            .bind(sha256.as_str())
            .fetch_one(&self.readers)
            .await?;
        Ok(u32_column(&row, "trials")? > 0)
    }
}

pub(super) async fn require_upload(
    tx: &mut Tx,
    token: &LeaseToken,
    sha256: &Sha256,
) -> Result<(), StoreError> {
    let row =
        sqlx::query("SELECT COUNT(*) AS uploads FROM uploads WHERE token = $1 AND sha256 = $2")
            .bind(token.as_str())
            .bind(sha256.as_str())
            .fetch_one(&mut **tx)
            .await?;
    if u32_column(&row, "uploads")? == 0 {
        return Err(StoreError::NotUploaded);
    }
    Ok(())
}

/// Weights that this lease has uploaded and that are no other trial's. Trials with different settings
/// or seeds never end with the same bytes; verified weights are public, so whoever claims them for
/// another trial has copied them.
pub(super) async fn require_own_weights(
    tx: &mut Tx,
    token: &LeaseToken,
    trial: &Trial,
    sha256: &Sha256,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM uploads WHERE token = $1 AND sha256 = $2) AS uploads,
                (SELECT COUNT(*) FROM trials WHERE weights_sha256 = $2) AS known",
    )
    .bind(token.as_str())
    .bind(sha256.as_str())
    .fetch_one(&mut **tx)
    .await?;
    if u32_column(&row, "uploads")? == 0 {
        return Err(StoreError::NotUploaded);
    }
    if u32_column(&row, "known")? == 0 {
        return Ok(());
    }
    let rows = sqlx::query("SELECT trial FROM trials WHERE weights_sha256 = $1")
        .bind(sha256.as_str())
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let other: Trial = json_column(&row, "trial")?;
        if (other.seed, &other.parameters) != (trial.seed, &trial.parameters) {
            return Err(StoreError::CopiedWeights);
        }
    }
    Ok(())
}
