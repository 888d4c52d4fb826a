//! The images that everybody is measured with, as blobs in a folder: MNIST, or synthetic digits where
//! it can't be had. Does not know who reads them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tabsweep_dataset::{
    DataSet, IdxError, IdxFile, IdxFiles, Labelled, SetError, Split, SplitError, SyntheticDigits,
    blob, sha256_hex,
};
use tabsweep_trainer::{ImageSet, TrainingData};

/// Why there is no data to measure with.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not the one that scores are compared on.
    #[error("{} is not MNIST's: its SHA-256 is {found}", path.display())]
    NotMnist {
        /// The file.
        path: PathBuf,
        /// Its hash, unpacked.
        found: String,
    },
    /// MNIST's files are damaged.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// No digits can be drawn.
    #[error(transparent)]
    Set(#[from] SetError),
    /// There are too few images.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A part of a set was asked for that it does not have.
    #[error("{asked} images were asked for, expected 1 to {there}")]
    TooFew {
        /// Images asked for.
        asked: usize,
        /// Images there are.
        there: usize,
    },
    /// The folder holds something else than what was written to it.
    #[error(transparent)]
    Trainer(#[from] tabsweep_trainer::DataError),
}

/// Names of the blobs.
const TRAINING: &str = "training.safetensors";
const VALIDATION: &str = "validation.safetensors";
const TEST: &str = "test.safetensors";
/// Every set used here has ten digits.
pub const CLASSES: usize = 10;

/// Writes training, validation and test images into `folder`.
///
/// # Errors
/// A file can't be read or written, or the images are not MNIST's.
pub fn write(folder: &Path, mnist: Option<&Path>) -> Result<(), DataError> {
    let data = match mnist {
        Some(mnist) => read_mnist(mnist)?,
        None => SyntheticDigits::default().draw()?,
    };
    let split = Split::of(data.train())?;
    fs::create_dir_all(folder).map_err(|source| file_error(folder, source))?;
    let sets = [
        (TRAINING, &split.training),
        (VALIDATION, &split.validation),
        (TEST, data.test()),
    ];
    for (name, set) in sets {
        let path = folder.join(name);
        fs::write(&path, blob::encode(set)).map_err(|source| file_error(&path, source))?;
    }
    Ok(())
}

/// The first `training` of MNIST's training images with the first `validation` of its validation
/// images, and all of its test images.
///
/// # Errors
/// A file can't be read or is not MNIST's, or there are not as many images.
pub fn read_subset(
    mnist: &Path,
    training: usize,
    validation: usize,
) -> Result<(TrainingData, ImageSet), DataError> {
    let data = read_mnist(mnist)?;
    let split = Split::of(data.train())?;
    let data_of = |set: &Labelled, count: usize| match set.part(0..count) {
        Some(part) => Ok(blob::encode(&part)),
        None => Err(DataError::TooFew {
            asked: count,
            there: set.count(),
        }),
    };
    let (training, validation) = (
        data_of(&split.training, training)?,
        data_of(&split.validation, validation)?,
    );
    let test = ImageSet::from_blob("test", blob::encode(data.test()), CLASSES)?;
    Ok((
        TrainingData::from_blobs(training, validation, CLASSES)?,
        test,
    ))
}

/// What a training is given.
///
/// # Errors
/// A file can't be read, or is something else.
pub fn read_training(folder: &Path) -> Result<TrainingData, DataError> {
    let (training, validation) = (read(folder, TRAINING)?, read(folder, VALIDATION)?);
    Ok(TrainingData::from_blobs(training, validation, CLASSES)?)
}

/// The images that no choice is made by.
///
/// # Errors
/// The file can't be read, or is something else.
pub fn read_test(folder: &Path) -> Result<ImageSet, DataError> {
    Ok(ImageSet::from_blob("test", read(folder, TEST)?, CLASSES)?)
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, DataError> {
    let path = folder.join(name);
    fs::read(&path).map_err(|source| file_error(&path, source))
}

fn read_mnist(folder: &Path) -> Result<DataSet, DataError> {
    let mut files = [const { Vec::new() }; 4];
    for (file, bytes) in IdxFile::ALL.into_iter().zip(&mut files) {
        *bytes = read_mnist_file(folder, file)?;
    }
    let [train_images, train_labels, test_images, test_labels] = &files;
    let files = IdxFiles {
        train_images,
        train_labels,
        test_images,
        test_labels,
    };
    Ok(files.parse("mnist")?)
}

fn read_mnist_file(folder: &Path, file: IdxFile) -> Result<Vec<u8>, DataError> {
    let unpacked = folder.join(file.name());
    let path = if unpacked.is_file() {
        unpacked
    } else {
        folder.join(file.packed_name())
    };
    let bytes = fs::read(&path).map_err(|source| file_error(&path, source))?;
    let bytes = file.unpack(&bytes)?.into_owned();
    let found = sha256_hex(&bytes);
    if found == file.mnist_sha256() {
        Ok(bytes)
    } else {
        Err(DataError::NotMnist { path, found })
    }
}

fn file_error(path: &Path, source: io::Error) -> DataError {
    DataError::File {
        path: path.to_owned(),
        source,
    }
}
