//! Data sets, fetched once for all workers of the process and kept on disk for the next. Names are
//! hashes: what has once been fetched is right for ever.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tabsweep_protocol::{BlobRef, Lease, LeaseToken, Sha256};
use tabsweep_trainer::{DataError, ImageSet, TrainingData, sha256_hex};
use tokio::sync::{Mutex, OnceCell};

use crate::http::{Http, HttpError};

/// Sets kept in memory: as many as studies on different data can take turns.
const MOST_SETS: usize = 4;

/// Why there is no data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Network(#[from] HttpError),
    #[error(transparent)]
    Data(#[from] DataError),
}

type Names = (Sha256, Sha256);
type Slot = Arc<OnceCell<TrainingData>>;

/// All data sets of the process.
#[derive(Debug)]
pub(crate) struct DataSets {
    http: Http,
    folder: Option<PathBuf>,
    /// The one used last comes last.
    slots: Mutex<Vec<(Names, Slot)>>,
}

impl DataSets {
    /// Sets from the server behind `http`, kept in `folder` as well, if one is given.
    pub(crate) fn new(http: Http, folder: Option<PathBuf>) -> Self {
        Self {
            http,
            folder,
            slots: Mutex::default(),
        }
    }

    /// What a lease trains on. Workers that ask at once share one download.
    pub(crate) async fn of(&self, lease: &Lease) -> Result<TrainingData, FetchError> {
        let slot = self.slot(lease).await;
        let data = slot.get_or_try_init(|| self.fetch(lease)).await?;
        Ok(data.clone())
    }

    async fn slot(&self, lease: &Lease) -> Slot {
        let names = (
            lease.data.training.sha256.clone(),
            lease.data.validation.sha256.clone(),
        );
        let mut slots = self.slots.lock().await;
        let slot = match slots.iter().position(|(known, _)| *known == names) {
            Some(index) => slots.remove(index).1,
            None => Slot::default(),
        };
        slots.push((names, slot.clone()));
        if slots.len() > MOST_SETS {
            slots.remove(0);
        }
        slot
    }

    async fn fetch(&self, lease: &Lease) -> Result<TrainingData, FetchError> {
        let data = &lease.data;
        let training = self.blob(&data.training, &lease.token).await?;
        let validation = self.blob(&data.validation, &lease.token).await?;
        let classes = data.classes as usize;
        Ok(TrainingData::new(
            ImageSet::from_blob("training", training, classes)?,
            ImageSet::from_blob("validation", validation, classes)?,
            classes,
        )?)
    }

    async fn blob(&self, blob: &BlobRef, token: &LeaseToken) -> Result<Vec<u8>, HttpError> {
        let path = self
            .folder
            .as_ref()
            .map(|folder| folder.join(blob.sha256.as_str()));
        if let Some(bytes) = path.as_ref().and_then(|path| kept(path, &blob.sha256)) {
            return Ok(bytes);
        }
        // What no memory holds is refused as too long.
        let most = usize::try_from(blob.bytes).unwrap_or(usize::MAX);
        let bytes = self.http.blob(&blob.sha256, token, most).await?;
        if let Some(path) = path
            && let Err(error) = keep(&path, &bytes)
        {
            // The next start fetches it again.
            tracing::warn!("{}: {error}", path.display());
        }
        Ok(bytes)
    }
}

/// The bytes of the file, if they are those of its name: a disk may have lost some.
fn kept(path: &Path, sha256: &Sha256) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    (sha256_hex(&bytes) == sha256.as_str()).then_some(bytes)
}

/// Written under another name, then renamed: other processes may use the same folder.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&part);
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let sha256: Sha256 = sha256_hex(b"seven").parse().unwrap();
        let path = folder.path().join("blobs").join(sha256.as_str());
        assert_eq!(kept(&path, &sha256), None);
        keep(&path, b"seven").unwrap();
        assert_eq!(kept(&path, &sha256).unwrap(), b"seven");
        fs::write(&path, b"eight").unwrap();
        assert_eq!(kept(&path, &sha256), None);
    }
}
