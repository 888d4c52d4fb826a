//! Blobs as files of one folder. A file is there whole or not at all, and what is said to be kept is
//! flushed to the disk.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::BlobError;

/// A folder of files.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which is made where it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, BlobError> {
        fs::create_dir_all(path).map_err(io_error("making the folder", path))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Writes files that are not there yet. Together they cost one flush of the folder instead of one
    /// each.
    pub(super) fn write(&self, files: &[(String, Bytes)]) -> Vec<Result<(), BlobError>> {
        let mut written: Vec<_> = files
            .iter()
            .map(|(name, bytes)| self.write_file(&self.path.join(name), bytes))
            .collect();
        if let Err(error) = fs::File::open(&self.path).and_then(|folder| folder.sync_all()) {
            let kind = error.kind();
            for result in written.iter_mut().filter(|result| result.is_ok()) {
                let source = io::Error::new(kind, error.to_string());
                *result = Err(io_error("flushing", &self.path)(source));
            }
        }
        written
    }

    /// Written under another name, flushed, then renamed: a crash leaves no half file.
    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
        if path.exists() {
            return Ok(());
        }
        let part = self
            .path
            .join(format!("{}.part", crate::secret::random_hex(8)));
        let written = fs::File::create(&part)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&part, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&part);
            io_error("writing", path)(error)
        })
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("reading", &path)(error)),
        }
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), BlobError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("deleting", &path)(error))
            }
            _ => Ok(()),
        }
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
