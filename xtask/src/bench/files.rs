//! Files that the user names: errors say which.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::BenchError;

/// The folder of MNIST, wherever a runner is started.
///
/// # Errors
/// It is not there.
pub fn absolute(folder: &Path) -> Result<PathBuf, BenchError> {
    fs::canonicalize(folder).map_err(|source| BenchError::Mnist {
        folder: folder.to_owned(),
        source,
    })
}

/// Writes figures.
///
/// # Errors
/// The file can't be written.
pub fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(|source| BenchError::Written {
        path: path.to_owned(),
        source,
    })
}

/// Makes a folder for figures, where there is none.
///
/// # Errors
/// It can't be made.
pub fn make_folder(path: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(path).map_err(|source| BenchError::Written {
        path: path.to_owned(),
        source,
    })
}
