//! What a data set is: grey images of one size, a label for each, a training and a test part.
//! It does not know where they come from. A value of these types is sound: the constructors check.

use std::ops::Range;

use thiserror::Error;

/// The largest height and width of an image, in pixels.
pub const LARGEST_SIDE: usize = 64;

/// Grey images of one size: at least one, each side 1 to [`LARGEST_SIDE`] pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

/// One class number per image, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    values: Vec<u8>,
}

/// Images and as many labels: label `i` is the class of image `i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    images: Images,
    labels: Labels,
}

/// A named training and test set of images of the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    name: String,
    classes: usize,
    train: Labelled,
    test: Labelled,
}

/// Why images and labels do not make a data set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetError {
    /// There is not a single image.
    #[error("there are no images")]
    NoImages,
    /// A side of the images is empty or too long.
    #[error("images of {height}×{width} pixels: each side must be 1 to {LARGEST_SIDE}")]
    SideOutOfRange {
        /// Rows of each image.
        height: usize,
        /// Columns of each image.
        width: usize,
    },
    /// The pixels do not fill a whole number of images.
    #[error("{pixels} pixels are not a whole number of {height}×{width} images")]
    PartOfImage {
        /// Pixels found.
        pixels: usize,
        /// Rows of each image.
        height: usize,
        /// Columns of each image.
        width: usize,
    },
    /// There are more images than labels, or fewer.
    #[error("{images} images, but {labels} labels")]
    CountsDiffer {
        /// Images found.
        images: usize,
        /// Labels found.
        labels: usize,
    },
    /// Training and test images are not of one size.
    #[error(
        "training images are {train_height}×{train_width} pixels, test images {test_height}×{test_width}"
    )]
    SizesDiffer {
        /// Rows of each training image.
        train_height: usize,
        /// Columns of each training image.
        train_width: usize,
        /// Rows of each test image.
        test_height: usize,
        /// Columns of each test image.
        test_width: usize,
    },
    /// A label names a class that the data set does not have.
    #[error("label {label} of image {index} is not one of the {classes} classes")]
    UnknownClass {
        /// The first image with such a label.
        index: usize,
        /// Its label.
        label: u8,
        /// The number of classes.
        classes: usize,
    },
}

impl Images {
    /// Images from pixels `[count, height, width]`, row-major; 0 is black, 255 white.
    pub fn new(height: usize, width: usize, pixels: Vec<u8>) -> Result<Self, SetError> {
        Self::check_sides(height, width)?;
        if pixels.is_empty() {
            return Err(SetError::NoImages);
        }
        if !pixels.len().is_multiple_of(height * width) {
            let pixels = pixels.len();
            return Err(SetError::PartOfImage {
                pixels,
                height,
                width,
            });
        }
        Ok(Self {
            height,
            width,
            pixels,
        })
    }

    /// The number of images, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pixels.len() / self.image_len()
    }

    /// Rows of each image.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of each image.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// All pixels, `[count, height, width]` row-major; 0 is black, 255 white.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels `[height, width]` of image `index`, or nothing beyond the last.
    #[must_use]
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(self.image_len()).nth(index)
    }

    pub(crate) fn check_sides(height: usize, width: usize) -> Result<(), SetError> {
        let sides = 1..=LARGEST_SIDE;
        if sides.contains(&height) && sides.contains(&width) {
            return Ok(());
        }
        Err(SetError::SideOutOfRange { height, width })
    }

    fn image_len(&self) -> usize {
        self.height * self.width
    }
}

impl Labels {
    /// Labels by image.
    #[must_use]
    pub fn new(values: Vec<u8>) -> Self {
        Self { values }
    }

    /// The number of labels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The labels, `[count]`.
    #[must_use]
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The largest label plus 1, 0 without labels.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.values
            .iter()
            .max()
            .map_or(0, |&label| usize::from(label) + 1)
    }
}

impl Labelled {
    /// Images with their labels; fails when they are not equally many.
    pub fn new(images: Images, labels: Labels) -> Result<Self, SetError> {
        if images.count() != labels.count() {
            return Err(SetError::CountsDiffer {
                images: images.count(),
                labels: labels.count(),
            });
        }
        Ok(Self { images, labels })
    }

    /// The number of images, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.labels.count()
    }

    /// The images.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The labels, one per image.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The images and labels numbered `range`, or nothing when it is empty or reaches beyond the last.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        let labels = self.labels.values.get(range.clone())?;
        if labels.is_empty() {
            return None;
        }
        let image_len = self.images.image_len();
        let pixels = &self.images.pixels[range.start * image_len..range.end * image_len];
        Some(Self {
            images: Images {
                pixels: pixels.to_vec(),
                ..self.images
            },
            labels: Labels::new(labels.to_vec()),
        })
    }

    fn check_classes(&self, classes: usize) -> Result<(), SetError> {
        let unknown = |label: &u8| usize::from(*label) >= classes;
        match self.labels.values.iter().position(unknown) {
            None => Ok(()),
            Some(index) => Err(SetError::UnknownClass {
                index,
                label: self.labels.values[index],
                classes,
            }),
        }
    }
}

impl DataSet {
    /// A data set of `classes` classes; fails when a label lies outside them or the image sizes differ.
    pub fn new(
        name: impl Into<String>,
        classes: usize,
        train: Labelled,
        test: Labelled,
    ) -> Result<Self, SetError> {
        check_sizes(&train.images, &test.images)?;
        train.check_classes(classes)?;
        test.check_classes(classes)?;
        Ok(Self {
            name: name.into(),
            classes,
            train,
            test,
        })
    }

    /// What the data set is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of classes, 1 to 256: every label is below it.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What models are trained and validated on.
    #[must_use]
    pub fn train(&self) -> &Labelled {
        &self.train
    }

    /// What finished models are tested on; its labels are never sent to a worker.
    #[must_use]
    pub fn test(&self) -> &Labelled {
        &self.test
    }
}

fn check_sizes(train: &Images, test: &Images) -> Result<(), SetError> {
    if (train.height, train.width) == (test.height, test.width) {
        return Ok(());
    }
    Err(SetError::SizesDiffer {
        train_height: train.height,
        train_width: train.width,
        test_height: test.height,
        test_width: test.width,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(side: usize, labels: &[u8]) -> Labelled {
        let images = Images::new(side, side, vec![7; side * side * labels.len()]).unwrap();
        Labelled::new(images, Labels::new(labels.to_vec())).unwrap()
    }

    #[test]
    fn refuses_images_without_pixels_or_of_odd_size() {
        assert_eq!(Images::new(2, 2, vec![]), Err(SetError::NoImages));
        assert!(matches!(
            Images::new(2, 2, vec![0; 5]),
            Err(SetError::PartOfImage { pixels: 5, .. })
        ));
        for (height, width) in [(0, 2), (2, 0), (65, 2), (2, 65)] {
            assert_eq!(
                Images::new(height, width, vec![0; 130]),
                Err(SetError::SideOutOfRange { height, width })
            );
        }
        assert_eq!(Images::new(64, 1, vec![0; 128]).unwrap().count(), 2);
    }

    #[test]
    fn refuses_labels_that_do_not_match() {
        let images = Images::new(1, 1, vec![0; 3]).unwrap();
        assert_eq!(
            Labelled::new(images, Labels::new(vec![0; 2])),
            Err(SetError::CountsDiffer {
                images: 3,
                labels: 2
            })
        );
        assert_eq!(
            DataSet::new("few", 2, labelled(1, &[0, 1]), labelled(1, &[1, 2])),
            Err(SetError::UnknownClass {
                index: 1,
                label: 2,
                classes: 2
            })
        );
    }

    #[test]
    fn refuses_parts_of_two_sizes() {
        let refused = DataSet::new("two", 1, labelled(2, &[0]), labelled(3, &[0]));
        assert!(matches!(refused, Err(SetError::SizesDiffer { .. })));
    }

    #[test]
    fn a_part_keeps_images_with_their_labels() {
        let images = Images::new(1, 2, vec![0, 1, 2, 3, 4, 5]).unwrap();
        let all = Labelled::new(images, Labels::new(vec![7, 8, 9])).unwrap();
        let part = all.part(1..3).unwrap();
        assert_eq!(part.images().pixels(), [2, 3, 4, 5]);
        assert_eq!(part.labels().values(), [8, 9]);
        assert_eq!(part.images().image(1), Some(&[4, 5][..]));
        assert_eq!(part.images().image(2), None);
        assert_eq!(all.part(1..1), None);
        assert_eq!(all.part(2..4), None);
    }
}
