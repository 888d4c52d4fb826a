//! What a page shows of an epoch that has just been scored: the score, and digits that were wrong.

use serde::Serialize;
use tabsweep_protocol::{Lease, StudyId, TrialNumber};
use tabsweep_trainer::{Mistake, Training};
use tabsweep_volunteer::Slice;

/// An epoch's score and some of its mistakes.
#[derive(Debug, Serialize)]
pub(crate) struct ScoredEpoch {
    study: StudyId,
    trial: TrialNumber,
    /// Epochs done, from 1.
    epoch: u32,
    /// Validation images classified rightly.
    correct: u32,
    /// Validation images.
    count: u32,
    /// Rows of an image.
    height: usize,
    /// Columns of an image.
    width: usize,
    /// The first images that were put in another class than their own.
    mistakes: Vec<MistakeView>,
}

/// An image that was put in another class than its own.
#[derive(Debug, Serialize)]
struct MistakeView {
    label: u8,
    guess: u8,
}

impl ScoredEpoch {
    /// What there is to show if the slice ended an epoch, and the pixels of its mistakes
    /// `[mistakes, height, width]`.
    pub(crate) fn of(slice: &Slice, lease: &Lease, training: &Training) -> Option<(Self, Vec<u8>)> {
        let &Slice::Epoch {
            epoch,
            validation_correct,
            validation_count,
            ..
        } = slice
        else {
            return None;
        };
        let (validation, mistakes) = (training.validation(), training.mistakes());
        let pixels = mistakes
            .iter()
            .flat_map(|mistake| validation.images(mistake.index..mistake.index + 1))
            .copied();
        let scored = Self {
            study: lease.study,
            trial: lease.trial,
            epoch,
            correct: validation_correct,
            count: validation_count,
            height: validation.height(),
            width: validation.width(),
            mistakes: mistakes.iter().map(MistakeView::from).collect(),
        };
        Some((scored, pixels.collect()))
    }
}

impl From<&Mistake> for MistakeView {
    fn from(&Mistake { label, guess, .. }: &Mistake) -> Self {
        Self { label, guess }
    }
}
