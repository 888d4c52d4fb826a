//! Pretrained models: what is known of each bundle, and which blobs are its files.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{BlobRef, Sha256};
use tabsweep_study::Timestamp;
use tabsweep_vision::Description;

use super::{
    Store, StoreError,
    rows::{hash_column, json_column, to_json, u32_column},
};

/// A bundle as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredBundle {
    /// The hash of its files' names and hashes.
    pub sha256: Sha256,
    /// What its `model.toml` says.
    pub description: Description,
    /// The `model.toml` itself.
    pub description_sha256: Sha256,
    /// The `labels.txt`.
    pub labels_sha256: Sha256,
    /// The `weights.safetensors`.
    pub weights: BlobRef,
    /// How many classes it tells apart.
    pub classes: u32,
    /// Since when it is here.
    pub added: Timestamp,
}

impl Store {
    /// Remembers a bundle whose files are on disk already. Adding it again changes nothing.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_bundle(&self, bundle: &StoredBundle) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO bundles (sha256, description, description_sha256, labels_sha256,
                 weights_sha256, weights_bytes, classes, added_millis)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (sha256) DO NOTHING",
        )
        .bind(bundle.sha256.as_str())
        .bind(to_json(&bundle.description))
        .bind(bundle.description_sha256.as_str())
        .bind(bundle.labels_sha256.as_str())
        .bind(bundle.weights.sha256.as_str())
        .bind(i64::try_from(bundle.weights.bytes).unwrap_or(i64::MAX))
        .bind(i64::from(bundle.classes))
        .bind(bundle.added.0)
        .execute(tx.sql().await?)
        .await?;
        tx.commit().await
    }

    /// All bundles, the one added last first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn bundles(&self) -> Result<Vec<StoredBundle>, StoreError> {
        let query = "SELECT sha256, description, description_sha256, labels_sha256, weights_sha256,
                 weights_bytes, classes, added_millis
             FROM bundles ORDER BY added_millis DESC, sha256";
        let rows = sqlx::query(query).fetch_all(&self.readers).await?;
        rows.iter().map(bundle_from_row).collect()
    }

    /// The bundle with this hash.
    ///
    /// # Errors
    /// The database failed.
    pub async fn bundle(&self, sha256: &Sha256) -> Result<Option<StoredBundle>, StoreError> {
        let row = sqlx::query(
            "SELECT sha256, description, description_sha256, labels_sha256, weights_sha256,
                 weights_bytes, classes, added_millis
             FROM bundles WHERE sha256 = $1",
        )
        .bind(sha256.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(bundle_from_row).transpose()
    }

    /// Whether a blob is a file of a bundle: then everybody may have it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_bundle_file(&self, sha256: &Sha256) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 FROM bundles
             WHERE description_sha256 = $1 OR labels_sha256 = $1 OR weights_sha256 = $1 LIMIT 1",
        )
        .bind(sha256.as_str())
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.is_some())
    }
}

fn bundle_from_row(row: &AnyRow) -> Result<StoredBundle, StoreError> {
    Ok(StoredBundle {
        sha256: hash_column(row, "sha256")?,
        description: json_column(row, "description")?,
        description_sha256: hash_column(row, "description_sha256")?,
        labels_sha256: hash_column(row, "labels_sha256")?,
        weights: BlobRef {
            sha256: hash_column(row, "weights_sha256")?,
            bytes: u64::try_from(row.try_get::<i64, _>("weights_bytes")?).unwrap_or_default(),
        },
        classes: u32_column(row, "classes")?,
        added: Timestamp(row.try_get("added_millis")?),
    })
}
