//! The IDX format of MNIST: which four files make a data set, how they are parsed and written, what can be wrong.
//! It does not know where the files lie; every error names the one at fault.
//!
//! A file is a big-endian header (magic number, then one u32 per dimension), then the bytes, row-major.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::gzip::{GunzipError, maybe_gunzip};
use crate::set::{DataSet, Images, Labelled, Labels, SetError};

/// The magic number of `idx3-ubyte`: unsigned bytes, three dimensions.
pub const IMAGES_MAGIC: u32 = 0x0000_0803;
/// The magic number of `idx1-ubyte`: unsigned bytes, one dimension.
pub const LABELS_MAGIC: u32 = 0x0000_0801;
/// The most bytes that [`IdxFile::unpack`] lets come out of a gzip file: twice the largest EMNIST.
pub const LARGEST_FILE_BYTES: usize = 1 << 30;

/// One of the four files that make a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdxFile {
    /// The training images.
    TrainImages,
    /// The training labels.
    TrainLabels,
    /// The test images.
    TestImages,
    /// The test labels.
    TestLabels,
}

impl IdxFile {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// The classic file name, unpacked.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    /// The classic file name, packed by gzip.
    #[must_use]
    pub const fn packed_name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte.gz",
            Self::TrainLabels => "train-labels-idx1-ubyte.gz",
            Self::TestImages => "t10k-images-idx3-ubyte.gz",
            Self::TestLabels => "t10k-labels-idx1-ubyte.gz",
        }
    }

    /// The SHA-256 of MNIST's file, unpacked. (Packed files differ from mirror to mirror.)
    #[must_use]
    pub const fn mnist_sha256(self) -> &'static str {
        match self {
            Self::TrainImages => "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            Self::TrainLabels => "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            Self::TestImages => "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            Self::TestLabels => "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }
    }

    /// The bytes of this file unpacked, whether they come as gzip or not; at most [`LARGEST_FILE_BYTES`].
    pub fn unpack(self, bytes: &[u8]) -> Result<Cow<'_, [u8]>, IdxError> {
        maybe_gunzip(bytes, LARGEST_FILE_BYTES)
            .map_err(|fault| IdxError::Packed { file: self, fault })
    }
}

impl fmt::Display for IdxFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why the files do not make a data set.
#[derive(Debug, Error)]
pub enum IdxError {
    /// A packed file can't be unpacked.
    #[error("{file}: {fault}")]
    Packed {
        /// The file at fault.
        file: IdxFile,
        /// What is wrong with it.
        fault: GunzipError,
    },
    /// A file is of another kind.
    #[error("{file}: the magic number is {found:#010x}, expected {expected:#010x}")]
    WrongMagic {
        /// The file at fault.
        file: IdxFile,
        /// Its first four bytes.
        found: u32,
        /// What they should be.
        expected: u32,
    },
    /// A file ends too early.
    #[error("{file}: truncated: {found_bytes} bytes found, {needed_bytes} needed")]
    Truncated {
        /// The file at fault.
        file: IdxFile,
        /// Bytes found.
        found_bytes: u64,
        /// Bytes that the header, or what there is of it, asks for.
        needed_bytes: u64,
    },
    /// A file goes on where it should end.
    #[error("{file}: trailing bytes: {found_bytes} bytes found, {needed_bytes} needed")]
    TrailingBytes {
        /// The file at fault.
        file: IdxFile,
        /// Bytes found.
        found_bytes: u64,
        /// Bytes that the header asks for.
        needed_bytes: u64,
    },
    /// The content of one file is not sound by itself.
    #[error("{file}: {fault}")]
    Unsound {
        /// The file at fault.
        file: IdxFile,
        /// What is wrong with it.
        fault: SetError,
    },
    /// An image file and its label file, or the training and the test files, do not match.
    #[error("{file} does not match {other}: {fault}")]
    Mismatch {
        /// The file at fault, as far as can be told.
        file: IdxFile,
        /// The file it should match.
        other: IdxFile,
        /// How they differ.
        fault: SetError,
    },
}

/// The unpacked bytes of the four files.
#[derive(Clone, Copy, Debug)]
pub struct IdxFiles<'a> {
    /// Training images, `idx3-ubyte`.
    pub train_images: &'a [u8],
    /// Training labels, `idx1-ubyte`.
    pub train_labels: &'a [u8],
    /// Test images, `idx3-ubyte`.
    pub test_images: &'a [u8],
    /// Test labels, `idx1-ubyte`.
    pub test_labels: &'a [u8],
}

impl IdxFiles<'_> {
    /// Parses the four files to a data set named `name`.
    ///
    /// The number of classes is the largest training label plus 1; a test label beyond them is an error.
    pub fn parse(self, name: impl Into<String>) -> Result<DataSet, IdxError> {
        let train = parse_labelled(
            (IdxFile::TrainImages, self.train_images),
            (IdxFile::TrainLabels, self.train_labels),
        )?;
        let test = parse_labelled(
            (IdxFile::TestImages, self.test_images),
            (IdxFile::TestLabels, self.test_labels),
        )?;
        let classes = train.labels().classes();
        DataSet::new(name, classes, train, test).map_err(parts_mismatch)
    }
}

/// Training labels are always within their own maximum, so an unknown class is the test labels' fault.
fn parts_mismatch(fault: SetError) -> IdxError {
    let (file, other) = match fault {
        SetError::UnknownClass { .. } => (IdxFile::TestLabels, IdxFile::TrainLabels),
        _ => (IdxFile::TestImages, IdxFile::TrainImages),
    };
    IdxError::Mismatch { file, other, fault }
}

fn parse_labelled(
    (images_file, images_bytes): (IdxFile, &[u8]),
    (labels_file, labels_bytes): (IdxFile, &[u8]),
) -> Result<Labelled, IdxError> {
    let images = parse_images(images_file, images_bytes)?;
    let labels = parse_labels(labels_file, labels_bytes)?;
    Labelled::new(images, labels).map_err(|fault| IdxError::Mismatch {
        file: labels_file,
        other: images_file,
        fault,
    })
}

/// Parses the unpacked bytes of an image file; `file` is named in errors.
pub fn parse_images(file: IdxFile, bytes: &[u8]) -> Result<Images, IdxError> {
    let unsound = |fault| IdxError::Unsound { file, fault };
    let ([count, height, width], pixels) = parse_header(file, IMAGES_MAGIC, bytes)?;
    // Before the length: with a side of 0 any count of images would fit in no bytes at all.
    Images::check_sides(height as usize, width as usize).map_err(unsound)?;
    check_len(file, bytes, &[count, height, width])?;
    Images::new(height as usize, width as usize, pixels.to_vec()).map_err(unsound)
}

/// Parses the unpacked bytes of a label file; `file` is named in errors.
pub fn parse_labels(file: IdxFile, bytes: &[u8]) -> Result<Labels, IdxError> {
    let ([count], labels) = parse_header(file, LABELS_MAGIC, bytes)?;
    check_len(file, bytes, &[count])?;
    Ok(Labels::new(labels.to_vec()))
}

/// The `N` dimensions, and the bytes after the header.
fn parse_header<const N: usize>(
    file: IdxFile,
    expected: u32,
    bytes: &[u8],
) -> Result<([u32; N], &[u8]), IdxError> {
    let truncated = || IdxError::Truncated {
        file,
        found_bytes: bytes.len() as u64,
        needed_bytes: header_len(N) as u64,
    };
    let (found, mut rest) = split_u32(bytes).ok_or_else(truncated)?;
    if found != expected {
        return Err(IdxError::WrongMagic {
            file,
            found,
            expected,
        });
    }
    let mut dimensions = [0; N];
    for dimension in &mut dimensions {
        (*dimension, rest) = split_u32(rest).ok_or_else(truncated)?;
    }
    Ok((dimensions, rest))
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}

fn check_len(file: IdxFile, bytes: &[u8], dimensions: &[u32]) -> Result<(), IdxError> {
    // Sides are at most 64 by now, so the product stays below 2⁴⁴.
    let content: u64 = dimensions.iter().copied().map(u64::from).product();
    let needed_bytes = header_len(dimensions.len()) as u64 + content;
    let found_bytes = bytes.len() as u64;
    if found_bytes < needed_bytes {
        return Err(IdxError::Truncated {
            file,
            found_bytes,
            needed_bytes,
        });
    }
    if found_bytes > needed_bytes {
        return Err(IdxError::TrailingBytes {
            file,
            found_bytes,
            needed_bytes,
        });
    }
    Ok(())
}

const fn header_len(dimensions: usize) -> usize {
    4 + 4 * dimensions
}

/// Writes images as an unpacked `idx3-ubyte` file.
#[must_use]
pub fn write_images(images: &Images) -> Vec<u8> {
    let dimensions = [images.count(), images.height(), images.width()];
    write(IMAGES_MAGIC, &dimensions, images.pixels())
}

/// Writes labels as an unpacked `idx1-ubyte` file.
#[must_use]
pub fn write_labels(labels: &Labels) -> Vec<u8> {
    write(LABELS_MAGIC, &[labels.count()], labels.values())
}

fn write(magic: u32, dimensions: &[usize], content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(header_len(dimensions.len()) + content.len());
    bytes.extend(magic.to_be_bytes());
    for &dimension in dimensions {
        let dimension = u32::try_from(dimension).expect("a data set in memory counts below 2³²");
        bytes.extend(dimension.to_be_bytes());
    }
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use crate::blob::sha256_hex;

    /// The four files of a data set that is sound, to be spoilt one by one.
    #[derive(Clone)]
    struct Fixture {
        train_images: Vec<u8>,
        train_labels: Vec<u8>,
        test_images: Vec<u8>,
        test_labels: Vec<u8>,
    }

    impl Fixture {
        fn sound() -> Self {
            let images = |count: usize| write(IMAGES_MAGIC, &[count, 2, 3], &vec![9; count * 6]);
            Self {
                train_images: images(3),
                train_labels: write(LABELS_MAGIC, &[3], &[0, 2, 1]),
                test_images: images(2),
                test_labels: write(LABELS_MAGIC, &[2], &[1, 2]),
            }
        }

        fn parse(&self) -> Result<DataSet, IdxError> {
            let files = IdxFiles {
                train_images: &self.train_images,
                train_labels: &self.train_labels,
                test_images: &self.test_images,
                test_labels: &self.test_labels,
            };
            files.parse("fixture")
        }
    }

    #[track_caller]
    fn check(spoil: impl FnOnce(&mut Fixture), message: &str) {
        let mut fixture = Fixture::sound();
        spoil(&mut fixture);
        assert_eq!(fixture.parse().unwrap_err().to_string(), message);
    }

    #[test]
    fn a_sound_data_set_survives_the_round_trip() {
        let fixture = Fixture::sound();
        let set = fixture.parse().unwrap();
        assert_eq!(set.name(), "fixture");
        assert_eq!(set.classes(), 3);
        assert_eq!(set.train().labels().values(), [0, 2, 1]);
        let images = set.train().images();
        assert_eq!((images.count(), images.height(), images.width()), (3, 2, 3));
        assert_eq!(write_images(images), fixture.train_images);
        assert_eq!(write_images(set.test().images()), fixture.test_images);
        assert_eq!(write_labels(set.train().labels()), fixture.train_labels);
        assert_eq!(write_labels(set.test().labels()), fixture.test_labels);
    }

    #[test]
    fn wrong_magic() {
        check(
            |set| set.train_images = set.train_labels.clone(),
            "train-images-idx3-ubyte: the magic number is 0x00000801, expected 0x00000803",
        );
        check(
            |set| set.test_labels[2] = 0x0d,
            "t10k-labels-idx1-ubyte: the magic number is 0x00000d01, expected 0x00000801",
        );
    }

    #[test]
    fn truncated() {
        check(
            |set| set.train_images.truncate(33),
            "train-images-idx3-ubyte: truncated: 33 bytes found, 34 needed",
        );
        check(
            |set| set.test_images.truncate(15),
            "t10k-images-idx3-ubyte: truncated: 15 bytes found, 16 needed",
        );
        check(
            |set| set.test_labels.clear(),
            "t10k-labels-idx1-ubyte: truncated: 0 bytes found, 8 needed",
        );
        check(
            |set| set.train_images[4..8].fill(0xff),
            "train-images-idx3-ubyte: truncated: 34 bytes found, 25769803786 needed",
        );
    }

    #[test]
    fn trailing_bytes() {
        check(
            |set| set.train_labels.push(0),
            "train-labels-idx1-ubyte: trailing bytes: 12 bytes found, 11 needed",
        );
        check(
            |set| set.test_images.extend([0; 6]),
            "t10k-images-idx3-ubyte: trailing bytes: 34 bytes found, 28 needed",
        );
    }

    #[test]
    fn counts_that_differ() {
        check(
            |set| set.test_labels = write(LABELS_MAGIC, &[3], &[0, 0, 0]),
            "t10k-labels-idx1-ubyte does not match t10k-images-idx3-ubyte: 2 images, but 3 labels",
        );
    }

    #[test]
    fn no_images() {
        check(
            |set| set.train_images = write(IMAGES_MAGIC, &[0, 2, 3], &[]),
            "train-images-idx3-ubyte: there are no images",
        );
    }

    #[test]
    fn sides_out_of_range() {
        check(
            |set| set.train_images = write(IMAGES_MAGIC, &[1, 65, 1], &[0; 65]),
            "train-images-idx3-ubyte: images of 65×1 pixels: each side must be 1 to 64",
        );
        check(
            |set| set.test_images = write(IMAGES_MAGIC, &[7, 28, 0], &[]),
            "t10k-images-idx3-ubyte: images of 28×0 pixels: each side must be 1 to 64",
        );
    }

    #[test]
    fn sizes_that_differ() {
        check(
            |set| set.test_images = write(IMAGES_MAGIC, &[2, 3, 2], &[0; 12]),
            "t10k-images-idx3-ubyte does not match train-images-idx3-ubyte: \
             training images are 2×3 pixels, test images 3×2",
        );
    }

    #[test]
    fn a_test_label_that_training_never_shows() {
        check(
            |set| set.test_labels[9] = 3,
            "t10k-labels-idx1-ubyte does not match train-labels-idx1-ubyte: \
             label 3 of image 1 is not one of the 3 classes",
        );
    }

    #[test]
    fn a_damaged_packed_file_is_named() {
        let error = IdxFile::TestImages.unpack(&[0x1f, 0x8b, 8]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "t10k-images-idx3-ubyte: damaged gzip file: unexpected end of file"
        );
    }

    #[test]
    fn mnist_is_what_it_should_be() {
        let Some(folder) = std::env::var_os("TABSWEEP_MNIST_DIR") else {
            // Not eprintln!, which the test harness swallows when a test passes.
            let skipped = "SKIPPED: TABSWEEP_MNIST_DIR is not set, so MNIST itself is not parsed";
            writeln!(std::io::stderr(), "{skipped}").unwrap();
            return;
        };
        let [train_images, train_labels, test_images, test_labels] =
            IdxFile::ALL.map(|file| mnist_file(Path::new(&folder), file));
        let files = IdxFiles {
            train_images: &train_images,
            train_labels: &train_labels,
            test_images: &test_images,
            test_labels: &test_labels,
        };
        let set = files.parse("mnist").unwrap();
        let images = set.train().images();
        assert_eq!((images.height(), images.width()), (28, 28));
        assert_eq!((set.classes(), images.count()), (10, 60_000));
        assert_eq!(set.test().count(), 10_000);
        assert_eq!(set.train().labels().values()[..5], [5, 0, 4, 1, 9]);
        assert_eq!(set.test().labels().values()[..5], [7, 2, 1, 0, 4]);
    }

    /// Unpacked or packed, whichever is there; its SHA-256 is checked.
    fn mnist_file(folder: &Path, file: IdxFile) -> Vec<u8> {
        let bytes = fs::read(folder.join(file.name()))
            .or_else(|_| fs::read(folder.join(file.packed_name())))
            .unwrap();
        let unpacked = file.unpack(&bytes).unwrap().into_owned();
        assert_eq!(sha256_hex(&unpacked), file.mnist_sha256(), "{file}");
        unpacked
    }
}
