//! Decides what a trial is shown: which images, of which classes, and how their pixels are scaled. It
//! does not know where the bytes come from, or in which order they are shown.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::tensor_file::{Dtype, TensorFile, TensorFileError};

/// Mean of all pixels of MNIST's training images, in 0..=1; used for every data set alike, so that
/// a picture is normalised in the same way wherever it is classified.
pub const PIXEL_MEAN: f32 = 0.1307;

/// Standard deviation of all pixels of MNIST's training images.
pub const PIXEL_DEVIATION: f32 = 0.3081;

/// Why data can't be trained on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    /// A blob is not the tensors `images` and `labels`.
    #[error("{set} data: {source}")]
    Blob {
        /// `training` or `validation`.
        set: &'static str,
        /// What is wrong with the file.
        source: TensorFileError,
    },
    /// A set is empty or larger than its positions can be numbered.
    #[error("{set} data has {found} images, expected 1 to 4294967295")]
    Count {
        /// `training` or `validation`.
        set: &'static str,
        /// Images found.
        found: usize,
    },
    /// A set has not as many labels as images, or its pixels do not fill its images.
    #[error(
        "{set} data has {images} images and {labels} labels of {height}×{width} in {pixels} bytes"
    )]
    Uneven {
        /// `training` or `validation`.
        set: &'static str,
        /// Images announced.
        images: usize,
        /// Labels found.
        labels: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// Bytes of pixels found.
        pixels: usize,
    },
    /// A label is no class.
    #[error("{set} image {index} is labelled {label}, expected a class below {classes}")]
    Label {
        /// `training` or `validation`.
        set: &'static str,
        /// Position of the image.
        index: usize,
        /// Its label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// Both sets must have images of one size.
    #[error(
        "training images are {training:?} pixels (height, width), validation images {validation:?}"
    )]
    Sizes {
        /// Height and width of training images.
        training: (usize, usize),
        /// Height and width of validation images.
        validation: (usize, usize),
    },
    /// The number of classes is out of range.
    #[error("{found} classes, expected 2 to 256")]
    Classes {
        /// Classes asked for.
        found: usize,
    },
}

/// Grey images with labels.
#[derive(Clone)]
pub struct ImageSet {
    /// The blob that the pixels came in: taking them out of it would need them twice in memory.
    blob: Vec<u8>,
    /// Where in the blob the pixels stand.
    pixels: Range<usize>,
    labels: Vec<u8>,
    height: usize,
    width: usize,
}

impl std::fmt::Debug for ImageSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} images of {}×{}",
            self.len(),
            self.height,
            self.width
        )
    }
}

impl ImageSet {
    /// Images `pixels` `[labels.len(), height, width]` with `labels` below `classes`; `set` names
    /// them in errors.
    ///
    /// # Errors
    /// If there are none, sizes do not agree, or a label is no class.
    pub fn new(
        set: &'static str,
        pixels: Vec<u8>,
        labels: Vec<u8>,
        size: (usize, usize),
        classes: usize,
    ) -> Result<Self, DataError> {
        let all = 0..pixels.len();
        Self::within(set, pixels, all, labels, size, classes)
    }

    /// Images whose pixels stand in `blob` at `pixels`; else as [`ImageSet::new`].
    fn within(
        set: &'static str,
        blob: Vec<u8>,
        pixels: Range<usize>,
        labels: Vec<u8>,
        (height, width): (usize, usize),
        classes: usize,
    ) -> Result<Self, DataError> {
        let found = labels.len();
        if found == 0 || u32::try_from(found).is_err() {
            return Err(DataError::Count { set, found });
        }
        let area = height.checked_mul(width).filter(|&area| area > 0);
        if area.and_then(|area| area.checked_mul(found)) != Some(pixels.len()) {
            let (images, labels, pixels) = (found, found, pixels.len());
            return Err(DataError::Uneven {
                set,
                images,
                labels,
                height,
                width,
                pixels,
            });
        }
        match labels
            .iter()
            .position(|&label| usize::from(label) >= classes)
        {
            None => Ok(Self {
                blob,
                pixels,
                labels,
                height,
                width,
            }),
            Some(index) => Err(DataError::Label {
                set,
                index,
                label: labels[index],
                classes,
            }),
        }
    }

    /// Images from safetensors bytes: `images` u8 `[n, height, width]` and `labels` u8 `[n]`. Keeps
    /// the bytes, and nothing else of their size.
    ///
    /// # Errors
    /// If the tensors are not there or do not fit each other, and as [`ImageSet::new`].
    pub fn from_blob(set: &'static str, blob: Vec<u8>, classes: usize) -> Result<Self, DataError> {
        let in_blob = |source| DataError::Blob { set, source };
        let file = TensorFile::parse(&blob).map_err(in_blob)?;
        let (shape, pixels) = file.view("images", Dtype::U8).map_err(in_blob)?;
        let &[images, height, width] = shape.as_slice() else {
            return Err(in_blob(TensorFileError::WrongShape {
                name: "images".to_owned(),
                found: shape,
                expected: "[n, height, width]".to_owned(),
            }));
        };
        let labels = file
            .bytes("labels", Dtype::U8, &[images])
            .map_err(in_blob)?
            .to_vec();
        let first = pixels.first().and_then(|first| blob.element_offset(first));
        let start = first.unwrap_or_default();
        let pixels = start..start + pixels.len();
        Self::within(set, blob, pixels, labels, (height, width), classes)
    }

    /// Rows of an image.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of an image.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Always false: a set without images can't be built.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All pixels, `[n, height, width]`.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.blob[self.pixels.clone()]
    }

    /// The class of each image.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The pixels of the images in `range`, one after another, row by row.
    #[must_use]
    pub fn images(&self, range: Range<usize>) -> &[u8] {
        let area = self.height * self.width;
        &self.pixels()[range.start * area..range.end * area]
    }

    pub(crate) fn image(&self, index: usize) -> &[u8] {
        self.images(index..index + 1)
    }

    fn digest_into(&self, digest: &mut Sha256) {
        for size in [self.len(), self.height, self.width] {
            digest.update((size as u64).to_le_bytes());
        }
        digest.update(self.pixels());
        digest.update(&self.labels);
    }
}

/// What a trial trains on and is scored on; cloning shares the images.
#[derive(Clone, Debug)]
pub struct TrainingData {
    sets: Arc<Sets>,
}

#[derive(Debug)]
struct Sets {
    training: ImageSet,
    validation: ImageSet,
    classes: usize,
    digest: [u8; 32],
}

impl TrainingData {
    /// Two sets with images of one size and labels below `classes`.
    ///
    /// # Errors
    /// If sizes differ, a label is no class, or there are fewer than 2 or more than 256 classes.
    pub fn new(
        training: ImageSet,
        validation: ImageSet,
        classes: usize,
    ) -> Result<Self, DataError> {
        if !(2..=256).contains(&classes) {
            return Err(DataError::Classes { found: classes });
        }
        let size = |set: &ImageSet| (set.height, set.width);
        if size(&training) != size(&validation) {
            return Err(DataError::Sizes {
                training: size(&training),
                validation: size(&validation),
            });
        }
        let mut digest = Sha256::new();
        digest.update((classes as u64).to_le_bytes());
        training.digest_into(&mut digest);
        validation.digest_into(&mut digest);
        let digest = digest.finalize().into();
        Ok(Self {
            sets: Arc::new(Sets {
                training,
                validation,
                classes,
                digest,
            }),
        })
    }

    /// Both sets from safetensors bytes, each with `images` u8 `[n, height, width]` and `labels` u8
    /// `[n]`.
    ///
    /// # Errors
    /// If a blob is not that, and as [`TrainingData::new`].
    pub fn from_blobs(
        training: Vec<u8>,
        validation: Vec<u8>,
        classes: usize,
    ) -> Result<Self, DataError> {
        Self::new(
            ImageSet::from_blob("training", training, classes)?,
            ImageSet::from_blob("validation", validation, classes)?,
            classes,
        )
    }

    /// Images to learn from.
    #[must_use]
    pub fn training(&self) -> &ImageSet {
        &self.sets.training
    }

    /// Images to be scored on.
    #[must_use]
    pub fn validation(&self) -> &ImageSet {
        &self.sets.validation
    }

    /// How many classes the labels tell apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.sets.classes
    }

    /// Rows of an image.
    #[must_use]
    pub fn height(&self) -> usize {
        self.sets.training.height
    }

    /// Columns of an image.
    #[must_use]
    pub fn width(&self) -> usize {
        self.sets.training.width
    }

    /// SHA-256 over everything in here.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.sets.digest
    }
}

/// Scales images to what the model expects, black being `-mean / deviation`.
///
/// # Panics
/// If there are not as many values as pixels.
pub fn normalise(pixels: &[u8], values: &mut [f32]) {
    assert_eq!(pixels.len(), values.len());
    let table = normalisation_table();
    for (value, &pixel) in values.iter_mut().zip(pixels) {
        *value = table[usize::from(pixel)];
    }
}

/// The value of a pixel of brightness `pixel`, 0..=255, which may lie between two pixels'.
pub(crate) fn normalised(pixel: f32) -> f32 {
    (pixel / 255.0 - PIXEL_MEAN) / PIXEL_DEVIATION
}

pub(crate) fn normalisation_table() -> [f32; 256] {
    std::array::from_fn(|pixel| normalised(pixel as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor_file::{Entry, serialize};

    fn blob(images: [usize; 3], labels: &[u8]) -> Vec<u8> {
        let count = images.iter().product::<usize>();
        serialize(&[
            Entry {
                name: "images".to_owned(),
                dtype: Dtype::U8,
                shape: images.to_vec(),
                bytes: (0..count).map(|index| (index % 251) as u8).collect(),
            },
            Entry {
                name: "labels".to_owned(),
                dtype: Dtype::U8,
                shape: vec![labels.len()],
                bytes: labels.to_vec(),
            },
        ])
    }

    fn refusal(training: &[u8], validation: &[u8], classes: usize) -> String {
        TrainingData::from_blobs(training.to_vec(), validation.to_vec(), classes)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn reads_both_blobs() {
        let training = blob([3, 4, 5], &[0, 1, 2]);
        let data = TrainingData::from_blobs(training, blob([1, 4, 5], &[2]), 3).unwrap();
        assert_eq!((data.height(), data.width(), data.classes()), (4, 5, 3));
        assert_eq!(data.training().labels(), [0, 1, 2]);
        assert_eq!(data.training().pixels(), (0..60).collect::<Vec<u8>>());
        assert_eq!(data.validation().image(0)[3], 3);
    }

    #[test]
    fn refusals_say_what_is_wrong_where() {
        let good = blob([1, 4, 5], &[0]);
        assert!(refusal(&good[..9], &good, 2).starts_with("training data: not a safetensors file"));
        assert_eq!(
            refusal(&good, &blob([1, 4, 5], &[0, 1]), 2),
            "validation data: tensor `labels` has shape [2], expected [1]"
        );
        assert_eq!(
            refusal(&good, &blob([1, 4, 5], &[7]), 2),
            "validation image 0 is labelled 7, expected a class below 2"
        );
        assert_eq!(
            refusal(&good, &blob([1, 5, 4], &[0]), 2),
            "training images are (4, 5) pixels (height, width), validation images (5, 4)"
        );
        assert_eq!(refusal(&good, &good, 1), "1 classes, expected 2 to 256");
        assert_eq!(
            refusal(&blob([0, 4, 5], &[]), &good, 2),
            "training data has 0 images, expected 1 to 4294967295"
        );
        let flat = serialize(&[Entry::floats("images", &[1], &[0.0])]);
        assert_eq!(
            refusal(&flat, &good, 2),
            "training data: tensor `images` is F32, expected U8"
        );
    }

    #[test]
    fn the_digest_follows_every_byte() {
        let digest = |labels: &[u8]| {
            TrainingData::from_blobs(blob([2, 4, 5], labels), blob([1, 4, 5], &[0]), 2)
                .unwrap()
                .digest()
        };
        assert_eq!(digest(&[0, 1]), digest(&[0, 1]));
        assert_ne!(digest(&[0, 1]), digest(&[1, 0]));
    }
}
