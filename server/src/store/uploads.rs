//! Which lease uploaded which bytes, and which bytes nobody needs any more.

use sqlx::Row;
use tabsweep_protocol::{LeaseToken, Sha256};
use tabsweep_study::{Timestamp, Trial};

use super::{
    Store, StoreError, Tx,
    batch::Kind,
    memory::Memory,
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
        let remember = |memory: &mut Memory| memory.uploaded(token, sha256);
        self.writer.add(Kind::Upload, row, remember).await
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
        tx.memory().forget_uploads();
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
        .fetch_all(tx.sql().await?)
        .await?;
        let hashes = rows
            .iter()
            .map(|row| hash_column(row, "sha256"))
            .collect::<Result<Vec<_>, _>>()?;
        for hash in &hashes {
            sqlx::query("DELETE FROM uploads WHERE sha256 = $1")
                .bind(hash.as_str())
                .execute(tx.sql().await?)
                .await?;
        }
        tx.commit().await?;
        Ok(hashes)
    }

    /// The verified trials that ended with these weights. Trials with different settings or seeds
    /// never do.
    pub(super) async fn trials_with_weights(
        &self,
        sha256: &Sha256,
    ) -> Result<Vec<Trial>, StoreError> {
        let rows = sqlx::query("SELECT trial FROM trials WHERE weights_sha256 = $1")
            .bind(sha256.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| json_column(row, "trial")).collect()
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

/// Fails where a lease has not uploaded these bytes.
pub(super) async fn require_upload(
    tx: &mut Tx,
    token: &LeaseToken,
    sha256: &Sha256,
) -> Result<(), StoreError> {
    if tx.memory().has_uploaded(token, sha256) {
        return Ok(());
    }
    let row =
        sqlx::query("SELECT COUNT(*) AS uploads FROM uploads WHERE token = $1 AND sha256 = $2")
            .bind(token.as_str())
            .bind(sha256.as_str())
            .fetch_one(tx.sql().await?)
            .await?;
    if u32_column(&row, "uploads")? == 0 {
        return Err(StoreError::NotUploaded);
    }
    Ok(())
}
