//! Adding a bundle: understand it, see that its weights are those of its network, keep its files. And
//! removing one.

use tabsweep_protocol::Sha256;
use tabsweep_study::Timestamp;
use tabsweep_vision::{Bundle, BundleError, PhotoClassifier, bundle::BundleFiles};

use crate::{
    app::App,
    blobs::{BlobError, Blobs},
    store::{RemovedBundle, StoreError, StoredBundle},
};

/// A bundle's three files, as they came.
#[derive(Clone, Debug, Default)]
pub struct NewBundle {
    /// `model.toml`.
    pub description: Vec<u8>,
    /// `labels.txt`.
    pub labels: Vec<u8>,
    /// `weights.safetensors`.
    pub weights: Vec<u8>,
}

/// Why a bundle can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddBundleError {
    /// The bundle is wrong.
    #[error(transparent)]
    Bundle {
        /// Where and how.
        #[from]
        source: BundleError,
    },
    /// Its files can't be kept.
    #[error(transparent)]
    Blob {
        /// Why not.
        #[from]
        source: BlobError,
    },
    /// The database failed.
    #[error(transparent)]
    Store {
        /// How.
        #[from]
        source: StoreError,
    },
}

/// Adds a bundle; one that is here already stays as it is.
///
/// # Errors
/// It is wrong, or can't be kept.
pub async fn add(app: &App, new: NewBundle) -> Result<StoredBundle, AddBundleError> {
    let _nothing_is_deleted = app.data_lock.read().await;
    let (blobs, now) = (app.data.clone(), app.clock.now());
    let kept = tokio::task::spawn_blocking(move || new.keep(&blobs, now)).await;
    let bundle = kept.expect("reading a bundle does not panic")?;
    app.store.add_bundle(&bundle).await?;
    let stored = app.store.bundle(&bundle.sha256).await?;
    Ok(stored.unwrap_or(bundle))
}

/// Removes a bundle, and those of its files that nothing else needs.
///
/// # Errors
/// There is no such bundle, a job that has not ended needs it, or the database failed.
pub async fn remove(app: &App, sha256: &Sha256) -> Result<StoredBundle, StoreError> {
    let _nothing_arrives = app.data_lock.write().await;
    let RemovedBundle { bundle, unneeded } = app.store.remove_bundle(sha256).await?;
    let blobs = app.data.clone();
    let deleted = tokio::task::spawn_blocking(move || {
        for file in unneeded {
            if let Err(error) = blobs.remove_packed(&file) {
                tracing::error!("a file of a removed bundle stays: {error}");
            }
        }
    });
    deleted.await.expect("deleting blobs does not panic");
    Ok(bundle)
}

impl NewBundle {
    fn files(&self) -> BundleFiles<'_> {
        BundleFiles {
            description: &self.description,
            labels: &self.labels,
            weights: &self.weights,
        }
    }

    /// Blobs are on disk before a row names them.
    fn keep(&self, blobs: &Blobs, now: Timestamp) -> Result<StoredBundle, AddBundleError> {
        let bundle = Bundle::parse(self.files())?;
        let description = bundle.description.clone();
        let classifier = PhotoClassifier::new(bundle)?;
        let sha256 = self.files().sha256();
        Ok(StoredBundle {
            sha256: sha256.parse().expect("a SHA-256 is 64 digits"),
            description,
            description_sha256: blobs.put(&self.description)?.sha256,
            labels_sha256: blobs.put_packed(&self.labels)?.sha256,
            weights: blobs.put(&self.weights)?,
            classes: u32::try_from(classifier.labels().len()).unwrap_or(u32::MAX),
            added: now,
        })
    }
}
