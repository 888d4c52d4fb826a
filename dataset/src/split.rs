//! Decides which training images validate: the last sixth, as they come.
//! It does not know the test set, and it does not shuffle.

use thiserror::Error;

use crate::set::Labelled;

/// One image in this many validates.
const VALIDATION_SHARE: usize = 6;

/// The training set in two parts that share no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What a trial trains on: the first images.
    pub training: Labelled,
    /// What ranks trials: the last sixth of the images.
    pub validation: Labelled,
}

/// Why a training set can't be split.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SplitError {
    /// Each part needs at least one image.
    #[error(
        "{count} training image(s) can't be split: training and validation need at least one each"
    )]
    TooFewImages {
        /// Images in the training set.
        count: usize,
    },
}

impl Split {
    /// Splits a training set; at least one image goes to each part.
    ///
    /// The last sixth is the custom for MNIST (60,000 → 50,000 + 10,000). It needs no seed, and anybody can redo
    /// it with any tool. The price: a set whose images come sorted by class must be shuffled before it gets here.
    pub fn of(train: &Labelled) -> Result<Self, SplitError> {
        let count = train.count();
        let validation = (count / VALIDATION_SHARE).max(1);
        let first = count - validation;
        let parts = train.part(0..first).zip(train.part(first..count));
        let (training, validation) = parts.ok_or(SplitError::TooFewImages { count })?;
        Ok(Self {
            training,
            validation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::{Images, Labels};

    fn numbered(count: usize) -> Labelled {
        let values: Vec<u8> = (0..count).map(|index| (index % 256) as u8).collect();
        let images = Images::new(1, 1, values.clone()).unwrap();
        Labelled::new(images, Labels::new(values)).unwrap()
    }

    #[test]
    fn the_last_sixth_validates() {
        let counts = [(2, 1), (3, 1), (11, 1), (12, 2), (17, 2), (60_000, 10_000)];
        for (count, validation) in counts {
            let split = Split::of(&numbered(count)).unwrap();
            assert_eq!(split.training.count(), count - validation);
            assert_eq!(split.validation.count(), validation);
        }
    }

    #[test]
    fn the_parts_are_the_whole_in_order() {
        let all = numbered(100);
        let split = Split::of(&all).unwrap();
        let joined = [
            split.training.images().pixels(),
            split.validation.images().pixels(),
        ];
        assert_eq!(joined.concat(), all.images().pixels());
        assert_eq!(split.validation.labels().values()[0], 84);
    }

    #[test]
    fn one_image_is_too_few() {
        assert_eq!(
            Split::of(&numbered(1)),
            Err(SplitError::TooFewImages { count: 1 })
        );
    }
}
