//! Bytes by their SHA-256, in a folder or in an S3-compatible store. A blob is there whole or not at
//! all; what it means is known elsewhere.

mod bucket;
mod folder;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tabsweep_protocol::{BlobRef, Sha256};

use self::{bucket::Bucket, folder::Folder};
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
    /// The store of objects said no, or can't be reached.
    #[error("{action} {name} in the bucket: {source}")]
    Bucket {
        /// What was tried.
        action: &'static str,
        /// On what.
        name: String,
        /// Its words.
        source: object_store::Error,
    },
    /// The bytes can't be packed.
    #[error("packing failed: {source}")]
    Pack {
        /// The packer's words.
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

/// A place for blobs. Its methods block; async code calls them through `spawn_blocking`.
#[derive(Clone, Debug)]
pub struct Blobs {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

impl Blobs {
    /// Blobs in the folder at `path`, which is made where it is missing.
    ///
    /// # Errors
    /// It can't be made.
    pub fn open(path: &Path) -> Result<Self, BlobError> {
        let place = Place::Folder(Folder::open(path)?);
        Ok(Self { place })
    }

    /// Blobs in `folder` under `url`, `s3://BUCKET/PREFIX`. Endpoint, region and keys are those of the
    /// environment.
    ///
    /// # Errors
    /// The address or the environment is wrong.
    pub fn in_bucket(url: &str, folder: &str) -> Result<Self, BlobError> {
        let place = Place::Bucket(Bucket::open(url, folder)?);
        Ok(Self { place })
    }

    /// Keeps `bytes` under their hash.
    ///
    /// # Errors
    /// They can't be written; nothing is left behind then.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobRef, BlobError> {
        let sha256: Sha256 = sha256_hex(bytes).parse().expect("a SHA-256 is 64 digits");
        self.write_one(sha256.as_str(), Bytes::copy_from_slice(bytes))?;
        Ok(BlobRef {
            sha256,
            bytes: bytes.len() as u64,
        })
    }

    /// Keeps bytes, each if they are what their name says. Together they take less time than one after
    /// the other.
    pub fn put_named_together(
        &self,
        arrivals: &[(Sha256, Bytes)],
    ) -> Vec<Result<BlobRef, BlobError>> {
        let named: Vec<_> = arrivals.iter().map(check_name).collect();
        let right = arrivals
            .iter()
            .zip(&named)
            .filter(|(_, named)| named.is_ok());
        let right = right.map(|((name, bytes), _)| (name.to_string(), bytes.clone()));
        let mut written = self.write(&right.collect::<Vec<_>>()).into_iter();
        let kept = named.into_iter().map(|named| {
            let blob = named?;
            let written = written.next();
            written.expect("one answer for each that was written")?;
            Ok(blob)
        });
        kept.collect()
    }

    /// Keeps `bytes`, and beside them a gzip copy that can be served as it is.
    ///
    /// # Errors
    /// They can't be written.
    pub fn put_packed(&self, bytes: &[u8]) -> Result<BlobRef, BlobError> {
        let blob = self.put(bytes)?;
        if self.get_packed(&blob.sha256)?.is_some() {
            return Ok(blob);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
        let packed = packed.map_err(|source| BlobError::Pack { source })?;
        self.write_one(&packed_name(&blob.sha256), packed.into())?;
        Ok(blob)
    }

    /// The bytes, if they are here.
    ///
    /// # Errors
    /// They can't be read.
    pub fn get(&self, sha256: &Sha256) -> Result<Option<Vec<u8>>, BlobError> {
        self.read(sha256.as_str())
    }

    /// The gzip copy, if there is one.
    ///
    /// # Errors
    /// It can't be read.
    pub fn get_packed(&self, sha256: &Sha256) -> Result<Option<Vec<u8>>, BlobError> {
        self.read(&packed_name(sha256))
    }

    /// Whether the bytes are here and can be read.
    pub fn contains(&self, sha256: &Sha256) -> bool {
        matches!(self.get(sha256), Ok(Some(_)))
    }

    /// Deletes the bytes, if they are here.
    ///
    /// # Errors
    /// They can't be deleted.
    pub fn remove(&self, sha256: &Sha256) -> Result<(), BlobError> {
        self.delete(sha256.as_str())
    }

    /// Deletes the bytes and their gzip copy, those of them that are here.
    ///
    /// # Errors
    /// They can't be deleted.
    pub fn remove_packed(&self, sha256: &Sha256) -> Result<(), BlobError> {
        self.delete(&packed_name(sha256))?;
        self.delete(sha256.as_str())
    }

    fn write_one(&self, name: &str, bytes: Bytes) -> Result<(), BlobError> {
        let written = self.write(&[(name.to_owned(), bytes)]).into_iter().next();
        written.expect("one answer for each that was written")
    }

    fn write(&self, blobs: &[(String, Bytes)]) -> Vec<Result<(), BlobError>> {
        match &self.place {
            Place::Folder(folder) => folder.write(blobs),
            Place::Bucket(bucket) => bucket.write(blobs),
        }
    }

    fn delete(&self, name: &str) -> Result<(), BlobError> {
        match &self.place {
            Place::Folder(folder) => folder.remove(name),
            Place::Bucket(bucket) => bucket.remove(name),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError> {
        match &self.place {
            Place::Folder(folder) => folder.read(name),
            Place::Bucket(bucket) => bucket.read(name),
        }
    }
}

fn packed_name(sha256: &Sha256) -> String {
    format!("{sha256}.gz")
}

fn check_name((expected, bytes): &(Sha256, Bytes)) -> Result<BlobRef, BlobError> {
    let found = sha256_hex(bytes);
    if found != expected.as_str() {
        return Err(BlobError::WrongHash {
            expected: expected.clone(),
            found,
        });
    }
    Ok(BlobRef {
        sha256: expected.clone(),
        bytes: bytes.len() as u64,
    })
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
        blobs.put_packed(b"seven").unwrap();
        blobs.remove_packed(&blob.sha256).unwrap();
        assert_eq!(blobs.get(&blob.sha256).unwrap(), None);
        assert_eq!(blobs.get_packed(&blob.sha256).unwrap(), None);
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
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
