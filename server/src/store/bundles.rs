//! Pretrained models: what is known of each bundle, and which blobs are its files.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{BlobRef, Sha256};
use tabsweep_study::Timestamp;
use tabsweep_vision::Description;

use super::{
    Store, StoreError, Tx,
    jobs::jobs_in,
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

/// A bundle that was forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct RemovedBundle {
    /// The bundle.
    pub bundle: StoredBundle,
    /// Those of its files that nothing else needs.
    pub unneeded: Vec<Sha256>,
}

const BUNDLE: &str =
    "SELECT sha256, description, description_sha256, labels_sha256, weights_sha256,
         weights_bytes, classes, added_millis
     FROM bundles WHERE sha256 = $1";

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
        let row = sqlx::query(BUNDLE)
            .bind(sha256.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(bundle_from_row).transpose()
    }

    /// Forgets a bundle. The caller deletes its files, those that nothing else needs: not another
    /// bundle, nor a data set, a picture or a job. A job that has ended needs the names of classes
    /// still.
    ///
    /// # Errors
    /// There is no such bundle, a job that has not ended needs it, or the database failed.
    pub async fn remove_bundle(&self, sha256: &Sha256) -> Result<RemovedBundle, StoreError> {
        let mut tx = self.begin().await?;
        let bundle = bundle_in(&mut tx, sha256).await?;
        let jobs = jobs_in(&mut tx).await?;
        let mut going_on = jobs.iter().filter(|job| !job.state.has_ended());
        if let Some(job) = going_on.find(|job| job.definition.model.sha256() == sha256) {
            return Err(StoreError::BundleInUse {
                bundle: bundle.description.name,
                job: job.id,
                name: job.definition.name.clone(),
            });
        }
        sqlx::query("DELETE FROM bundles WHERE sha256 = $1")
            .bind(sha256.as_str())
            .execute(tx.sql().await?)
            .await?;
        let weights = &bundle.weights.sha256;
        let mut unneeded = Vec::new();
        for file in [&bundle.description_sha256, &bundle.labels_sha256, weights] {
            let is_needed = jobs.iter().any(|job| job.needs(file));
            if !is_needed && !is_named(&mut tx, file).await? {
                unneeded.push(file.clone());
            }
        }
        tx.commit().await?;
        Ok(RemovedBundle { bundle, unneeded })
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

/// The bundle with this hash, which is an error if there is none.
pub(super) async fn bundle_in(tx: &mut Tx, sha256: &Sha256) -> Result<StoredBundle, StoreError> {
    let row = sqlx::query(BUNDLE)
        .bind(sha256.as_str())
        .fetch_optional(tx.sql().await?)
        .await?;
    let row = row.ok_or_else(|| StoreError::NoBundle {
        sha256: sha256.clone(),
    })?;
    bundle_from_row(&row)
}

/// Whether a bundle, a data set or a picture is these bytes.
async fn is_named(tx: &mut Tx, sha256: &Sha256) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM bundles WHERE description_sha256 = $1
                     OR labels_sha256 = $1 OR weights_sha256 = $1)
              + (SELECT COUNT(*) FROM pictures WHERE sha256 = $1)
              + (SELECT COUNT(*) FROM studies WHERE data LIKE $2) AS names",
    )
    .bind(sha256.as_str())
    .bind(format!("%{sha256}%"))
    .fetch_one(tx.sql().await?)
    .await?;
    Ok(u32_column(&row, "names")? > 0)
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
