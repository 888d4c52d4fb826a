//! Blobs as files of one folder. A file is there whole or not at all, and what is said to be kept is
//! flushed to the disk.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

use bytes::Bytes;

use super::BlobError;

/// Files that are flushed at the same time.
const FLUSHED_AT_ONCE: usize = 16;

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

    /// Writes files that are not there yet: under other names, flushed, then renamed, so that a crash
    /// leaves no half file. Flushed at the same time, many files cost a file system little more than
    /// one; and together they cost one flush of the folder.
    pub(super) fn write(&self, files: &[(String, Bytes)]) -> Vec<Result<(), BlobError>> {
        let parts = files.iter().map(|(name, bytes)| self.begin(name, bytes));
        let parts: Vec<_> = parts.collect();
        let flushed = flush_together(parts);
        let placed = flushed.into_iter().map(|part| part.and_then(Part::place));
        let mut written: Vec<_> = placed.collect();
        if let Err(error) = fs::File::open(&self.path).and_then(|folder| folder.sync_all()) {
            let kind = error.kind();
            for result in written.iter_mut().filter(|result| result.is_ok()) {
                let source = io::Error::new(kind, error.to_string());
                *result = Err(io_error("flushing", &self.path)(source));
            }
        }
        written
    }

    /// Writes a file under another name, if it is not there yet.
    fn begin(&self, name: &str, bytes: &[u8]) -> Result<Part, BlobError> {
        let path = self.path.join(name);
        if path.exists() {
            return Ok(Part::Known);
        }
        let part = format!("{}.part", crate::secret::random_hex(8));
        let part = self.path.join(part);
        let written = fs::File::create(&part).and_then(|mut file| {
            file.write_all(bytes)?;
            Ok(file)
        });
        match written {
            Ok(file) => Ok(Part::Begun { file, part, path }),
            Err(error) => {
                let _ = fs::remove_file(&part);
                Err(io_error("writing", &path)(error))
            }
        }
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

/// A file on its way.
enum Part {
    /// It is there already.
    Known,
    /// It has been written, under the name `part`.
    Begun {
        file: fs::File,
        part: PathBuf,
        path: PathBuf,
    },
}

impl Part {
    fn flush(self) -> Result<Self, BlobError> {
        if let Self::Begun { file, part, path } = &self
            && let Err(error) = file.sync_all()
        {
            let _ = fs::remove_file(part);
            return Err(io_error("writing", path)(error));
        }
        Ok(self)
    }

    fn place(self) -> Result<(), BlobError> {
        let Self::Begun { part, path, .. } = self else {
            return Ok(());
        };
        fs::rename(&part, &path).map_err(|error| {
            let _ = fs::remove_file(&part);
            io_error("writing", &path)(error)
        })
    }
}

type Parts = Vec<Result<Part, BlobError>>;

fn flush_together(parts: Parts) -> Parts {
    let threads = parts.len().min(FLUSHED_AT_ONCE);
    if threads < 2 {
        return parts.into_iter().map(|part| part?.flush()).collect();
    }
    let each = parts.len().div_ceil(threads);
    let mut parts = parts.into_iter();
    thread::scope(|scope| {
        let mut flushing = Vec::new();
        while parts.len() > 0 {
            let some: Parts = parts.by_ref().take(each).collect();
            let flush = move || {
                some.into_iter()
                    .map(|part| part?.flush())
                    .collect::<Parts>()
            };
            flushing.push(scope.spawn(flush));
        }
        let flushed = flushing.into_iter().flat_map(|some| {
            let some = some.join();
            some.expect("flushing does not panic")
        });
        flushed.collect()
    })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError + use<> {
    let path = path.to_owned();
    move |source| BlobError::Io {
        action,
        path,
        source,
    }
}
