//! Which lease on a chunk uploaded which answers, and which of them nobody needs any more.

use sqlx::Row;
use tabsweep_protocol::{LeaseToken, Sha256};
use tabsweep_study::Timestamp;

use super::{Store, StoreError, Uploads, rows::hash_column};

impl Store {
    /// Notes that answers have arrived; they are on disk already.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_answers(
        &self,
        token: &LeaseToken,
        sha256: &Sha256,
        bytes: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO chunk_uploads (token, sha256, bytes, uploaded_millis)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (token, sha256) DO NOTHING",
        )
        .bind(token.as_str())
        .bind(sha256.as_str())
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(now.0)
        .execute(tx.sql().await?)
        .await?;
        tx.commit().await
    }

    /// What a lease on a chunk may still upload.
    ///
    /// # Errors
    /// There never was such a lease.
    pub async fn answers_of(&self, token: &LeaseToken) -> Result<Uploads, StoreError> {
        let row = sqlx::query(
            "SELECT chunks.state AS state,
                 (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM chunk_uploads
                  WHERE token = chunk_leases.token) AS bytes
             FROM chunk_leases JOIN chunks ON chunks.job_id = chunk_leases.job_id
                                          AND chunks.number = chunk_leases.number
             WHERE chunk_leases.token = $1",
        )
        .bind(token.as_str())
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| StoreError::NoLease {
            token: token.clone(),
        })?;
        let state: &str = row.try_get("state")?;
        Ok(Uploads {
            trial_has_ended: !matches!(state, "waiting" | "running" | "checking"),
            bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or_default(),
        })
    }

    /// Answers from before `before` whose chunk is not being checked: what was taken of them is in the
    /// labels. Their rows are deleted; the caller deletes the bytes. Bytes that a lease on a trial
    /// uploaded as well stay.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_unneeded_answers(
        &self,
        before: Timestamp,
    ) -> Result<Vec<Sha256>, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT sha256 FROM chunk_uploads GROUP BY sha256
             HAVING MAX(uploaded_millis) < $1
                AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.sha256 = chunk_uploads.sha256)
                AND NOT EXISTS (
                    SELECT 1 FROM chunk_uploads AS same
                    JOIN chunk_leases ON chunk_leases.token = same.token
                    JOIN chunks ON chunks.job_id = chunk_leases.job_id
                               AND chunks.number = chunk_leases.number
                    WHERE same.sha256 = chunk_uploads.sha256 AND chunks.state = 'checking')",
        )
        .bind(before.0)
        .fetch_all(tx.sql().await?)
        .await?;
        let hashes = rows
            .iter()
            .map(|row| hash_column(row, "sha256"))
            .collect::<Result<Vec<_>, _>>()?;
        for hash in &hashes {
            sqlx::query("DELETE FROM chunk_uploads WHERE sha256 = $1")
                .bind(hash.as_str())
                .execute(tx.sql().await?)
                .await?;
        }
        tx.commit().await?;
        Ok(hashes)
    }
}
