//! Data sets as folders of four IDX files, packed or not.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tabsweep_dataset::{DataSet, IdxError, IdxFile, IdxFiles, idx, sha256_hex};

/// Why a folder is no data set.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file is in the folder neither unpacked nor packed.
    #[error("{folder} has neither {name} nor {name}.gz", name = file.name())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: IdxFile,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A file is sound, but not MNIST's.
    #[error(
        "{folder}: {name} is not MNIST's: expected SHA-256 {expected}, found {found}; to train on \
         another data set, name its folder as the study's data set",
        name = file.name(), expected = file.mnist_sha256()
    )]
    NotMnist {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: IdxFile,
        /// Its hash.
        found: String,
    },
    /// A file is not what its name says.
    #[error("{folder}: {source}")]
    Idx {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: IdxError,
    },
}

/// Reads the four files of `folder` as the data set `name`.
///
/// # Errors
/// One is missing, unreadable or damaged.
pub fn read_folder(folder: &Path, name: &str) -> Result<DataSet, FolderError> {
    parse(folder, name, &unpacked(folder)?)
}

/// Reads MNIST's four files, which have to be the original ones: scores are compared with others'.
///
/// # Errors
/// One is missing, unreadable, damaged, or another file.
pub fn read_mnist(folder: &Path) -> Result<DataSet, FolderError> {
    let files = unpacked(folder)?;
    for (file, bytes) in IdxFile::ALL.into_iter().zip(&files) {
        let found = sha256_hex(bytes);
        if found != file.mnist_sha256() {
            return Err(FolderError::NotMnist {
                folder: folder.to_owned(),
                file,
                found,
            });
        }
    }
    parse(folder, super::MNIST, &files)
}

/// The files' unpacked bytes in the order of [`IdxFile::ALL`].
fn unpacked(folder: &Path) -> Result<[Vec<u8>; 4], FolderError> {
    let mut files = [const { Vec::new() }; 4];
    for (file, unpacked) in IdxFile::ALL.into_iter().zip(&mut files) {
        let bytes = file
            .unpack(&read_either(folder, file)?)
            .map_err(idx_error(folder))?
            .into_owned();
        *unpacked = bytes;
    }
    Ok(files)
}

fn parse(folder: &Path, name: &str, files: &[Vec<u8>; 4]) -> Result<DataSet, FolderError> {
    let [train_images, train_labels, test_images, test_labels] = files;
    IdxFiles {
        train_images,
        train_labels,
        test_images,
        test_labels,
    }
    .parse(name)
    .map_err(idx_error(folder))
}

fn idx_error(folder: &Path) -> impl FnOnce(IdxError) -> FolderError {
    let folder = folder.to_owned();
    move |source| FolderError::Idx { folder, source }
}

/// Writes a data set as four unpacked files.
///
/// # Errors
/// The disk said no.
pub fn write_folder(folder: &Path, data: &DataSet) -> Result<(), FolderError> {
    let write = |file: IdxFile, bytes: Vec<u8>| {
        let path = folder.join(file.name());
        fs::write(&path, bytes).map_err(|source| FolderError::Io { path, source })
    };
    fs::create_dir_all(folder).map_err(|source| FolderError::Io {
        path: folder.to_owned(),
        source,
    })?;
    write(
        IdxFile::TrainImages,
        idx::write_images(data.train().images()),
    )?;
    write(
        IdxFile::TrainLabels,
        idx::write_labels(data.train().labels()),
    )?;
    write(IdxFile::TestImages, idx::write_images(data.test().images()))?;
    write(IdxFile::TestLabels, idx::write_labels(data.test().labels()))
}

/// Whether all four files are there.
pub(super) fn is_complete(folder: &Path) -> bool {
    IdxFile::ALL
        .iter()
        .all(|file| folder.join(file.name()).is_file() || folder.join(file.packed_name()).is_file())
}

fn read_either(folder: &Path, file: IdxFile) -> Result<Vec<u8>, FolderError> {
    for name in [file.name(), file.packed_name()] {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(FolderError::Io { path, source }),
        }
    }
    Err(FolderError::Missing {
        folder: folder.to_owned(),
        file,
    })
}

#[cfg(test)]
mod tests {
    use tabsweep_dataset::SyntheticDigits;

    use super::*;

    #[test]
    fn a_written_folder_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = SyntheticDigits {
            seed: 1,
            train: 20,
            test: 10,
        }
        .draw()
        .unwrap();
        write_folder(folder.path(), &drawn).unwrap();
        let read = read_folder(folder.path(), drawn.name()).unwrap();
        assert_eq!(read, drawn);
    }

    #[test]
    fn only_mnist_is_mnist() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = SyntheticDigits {
            seed: 1,
            train: 20,
            test: 10,
        }
        .draw()
        .unwrap();
        write_folder(folder.path(), &drawn).unwrap();
        let error = read_mnist(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("is not MNIST's: expected SHA-256 ba89"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_folder(folder.path(), "x").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("neither train-images-idx3-ubyte nor"),
            "{error}"
        );
    }
}
