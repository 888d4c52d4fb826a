//! Bytes on disk by their SHA-256. A blob is there whole or not at all; what it means is known
//! elsewhere.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tabsweep_protocol::{BlobRef, Sha256};

use crate::secret::sha256_hex;

/// Why a blob can't be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk said no.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The bytes are not those that the name promises.
    #[error("expected bytes with SHA-256 {expected}, found {found}")]
    WrongHash {
        /// The name.
        expected: Sha256,
        /// What the bytes hash to.
        found: String,
    },
}

impl BlobError {
    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// A folder of blobs. Its methods block; async code calls them through `spawn_blocking`.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Blobs in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// It can't be made.
    pub fn open(folder: &Path) -> Result<Self, BlobError> {
        fs::create_dir_all(folder).map_err(io_error("making the folder", folder))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Keeps `bytes` under their hash.
    ///
    /// # Errors
    /// The disk said no; nothing is left behind then.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobRef, BlobError> {
        let sha256: Sha256 = sha256_hex(bytes).parse().expect("a SHA-256 is 64 digits");
        let path = self.path(&sha256);
        if !path.exists() {
            self.write(&path, bytes)?;
        }
        Ok(BlobRef {
            sha256,
            bytes: bytes.len() as u64,
        })
    }

    /// Keeps bytes, each if they are what their name says. Together they cost one flush of the folder
    /// instead of one each.
    pub fn put_named_together(
        &self,
        arrivals: &[(Sha256, Bytes)],
    ) -> Vec<Result<BlobRef, BlobError>> {
        let mut kept: Vec<_> = arrivals
            .iter()
            .map(|(expected, bytes)| self.place(expected, bytes))
            .collect();
        if let Err(error) = self.flush_folder() {
            let kind = error.kind();
            for result in kept.iter_mut().filter(|result| result.is_ok()) {
                let source = io::Error::new(kind, error.to_string());
                *result = Err(io_error("flushing", &self.folder)(source));
            }
        }
        kept
    }

    /// Writes bytes under their name; the folder is not flushed yet.
    fn place(&self, expected: &Sha256, bytes: &[u8]) -> Result<BlobRef, BlobError> {
        let found = sha256_hex(bytes);
        if found != expected.as_str() {
            return Err(BlobError::WrongHash {
                expected: expected.clone(),
                found,
            });
        }
        let path = self.path(expected);
        if !path.exists() {
            self.write_file(&path, bytes)?;
        }
        Ok(BlobRef {
            sha256: expected.clone(),
            bytes: bytes.len() as u64,
        })
    }

    /// Keeps `bytes`, and beside them a gzip copy that can be served as it is.
    ///
    /// # Errors
    /// The disk said no.
    pub fn put_packed(&self, bytes: &[u8]) -> Result<BlobRef, BlobError> {
        let blob = self.put(bytes)?;
        let path = self.packed_path(&blob.sha256);
        if !path.exists() {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
            self.write(&path, &packed.map_err(io_error("packing", &path))?)?;
        }
        Ok(blob)
    }

    /// The bytes, if they are here.
    ///
    /// # Errors
    /// The disk said no.
    pub fn get(&self, sha256: &Sha256) -> Result<Option<Vec<u8>>, BlobError> {
        read(&self.path(sha256))
    }

    /// The gzip copy, if there is one.
    ///
    /// # Errors
    /// The disk said no.
    pub fn get_packed(&self, sha256: &Sha256) -> Result<Option<Vec<u8>>, BlobError> {
        read(&self.packed_path(sha256))
    }

    /// Whether the bytes are here.
    pub fn contains(&self, sha256: &Sha256) -> bool {
        self.path(sha256).exists()
    }

    /// Deletes the bytes, if they are here.
    ///
    /// # Errors
    /// The disk said no.
    pub fn remove(&self, sha256: &Sha256) -> Result<(), BlobError> {
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("deleting", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, sha256: &Sha256) -> PathBuf {
        self.folder.join(sha256.as_str())
    }

    fn packed_path(&self, sha256: &Sha256) -> PathBuf {
        self.folder.join(format!("{sha256}.gz"))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
        self.write_file(path, bytes)?;
        self.flush_folder()
            .map_err(io_error("flushing", &self.folder))
    }

    /// Written under another name, flushed, then renamed: a crash leaves no half blob.
    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
        let part = self
            .folder
            .join(format!("{}.part", crate::secret::random_hex(8)));
        let written = fs::File::create(&part)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&part, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&part);
            io_error("writing", path)(error)
        })
    }

    /// What the folder lists is on disk afterwards.
    fn flush_folder(&self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, BlobError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("reading", path)(error)),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError + use<> {
    let path = path.to_owned();
    move |source| BlobError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_found_by_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let blob = blobs.put_packed(b"seven").unwrap();
        assert_eq!(blob.bytes, 5);
        assert_eq!(blobs.get(&blob.sha256).unwrap().unwrap(), b"seven");
        assert!(
            blobs
                .get_packed(&blob.sha256)
                .unwrap()
                .unwrap()
                .starts_with(&[0x1f, 0x8b])
        );
        blobs.remove(&blob.sha256).unwrap();
        assert_eq!(blobs.get(&blob.sha256).unwrap(), None);
    }

    #[test]
    fn bytes_under_a_wrong_name_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let arrival = |name: &str, bytes| (name.parse().unwrap(), Bytes::from_static(bytes));
        let wrong = arrival(&"0".repeat(64), b"x");
        let right = arrival(&sha256_hex(b"seven"), b"seven");
        let kept = blobs.put_named_together(&[wrong, right]);
        assert!(matches!(kept[0], Err(BlobError::WrongHash { .. })));
        assert_eq!(kept[1].as_ref().unwrap().bytes, 5);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
