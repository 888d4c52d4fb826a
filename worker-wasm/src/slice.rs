//! A slice of training: as many units of work as fit, then what came of them.

use tabsweep_trainer::{EpochFigures, Progress, Training, TrainingError, sha256_hex};
use tabsweep_volunteer::Slice;

use crate::{pacing::Cost, turn::now_millis};

/// When a slice ends. The last unit may overrun it, and the promise is 100 ms.
const SLICE_MILLIS: f64 = 50.0;

/// What came of a slice, and what it cost.
pub(crate) struct Trained {
    pub(crate) slices: Vec<Slice>,
    pub(crate) cost: Cost,
}

/// Trains for a slice. An epoch's end or a divergence ends it early.
///
/// # Errors
/// The trainer failed where it should not.
pub(crate) fn train(training: &mut Training) -> Result<Trained, String> {
    let began_millis = now_millis();
    let images_before = training.images_seen();
    let (mut last_loss, mut stepping_millis, mut unit_millis) = (None, 0.0, began_millis);
    let ending = loop {
        let progress = training.advance();
        let (before_millis, now_millis) = (unit_millis, now_millis());
        unit_millis = now_millis;
        match progress {
            Ok(Progress::Step { loss, .. }) => {
                last_loss = Some(loss);
                stepping_millis += now_millis - before_millis;
            }
            Ok(Progress::Evaluating { .. }) => {}
            Ok(Progress::Epoch(figures) | Progress::Finished(figures)) => {
                break Some(epoch(training, &figures));
            }
            Err(TrainingError::Diverged { step, .. }) => break Some(Slice::Diverged { step }),
            Err(error) => return Err(error.to_string()),
        }
        if now_millis >= began_millis + SLICE_MILLIS {
            break None;
        }
    };
    let images = (training.images_seen() - images_before) as u32;
    let steps = last_loss.map(|loss| Slice::Steps {
        step: training.step(),
        loss,
        images,
    });
    Ok(Trained {
        slices: steps.into_iter().chain(ending).collect(),
        cost: Cost {
            images,
            stepping_millis,
            millis: now_millis() - began_millis,
        },
    })
}

fn epoch(training: &Training, figures: &EpochFigures) -> Slice {
    Slice::Epoch {
        epoch: small(figures.epoch),
        step: figures.step,
        validation_correct: small(figures.validation_correct),
        validation_count: small(figures.validation_count),
        mean_loss: figures.mean_loss as f32,
        state_sha256: sha256_hex(&training.checkpoint())
            .parse()
            .expect("a SHA-256 is 64 digits"),
        is_last: figures.step == training.total_steps(),
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("counts of epochs and images are below 2^32")
}
