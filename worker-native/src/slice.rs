//! A slice of training: as many units of work as fit, then what came of them.

use std::time::{Duration, Instant};

use tabsweep_trainer::{EpochFigures, Progress, Training, TrainingError, sha256_hex};
use tabsweep_volunteer::Slice;

/// When a slice ends. Longer than in a tab, where a page wants its turn: here only messages wait.
const SLICE: Duration = Duration::from_millis(200);

/// Trains for a slice. An epoch's end or a divergence ends it early.
///
/// # Errors
/// The trainer failed where it should not.
pub(crate) fn train(training: &mut Training) -> Result<Vec<Slice>, TrainingError> {
    let began = Instant::now();
    let images_before = training.images_seen();
    let mut last_loss = None;
    let ending = loop {
        match training.advance() {
            Ok(Progress::Step { loss, .. }) => last_loss = Some(loss),
            Ok(Progress::Evaluating { .. }) => {}
            Ok(Progress::Epoch(figures) | Progress::Finished(figures)) => {
                break Some(epoch(training, &figures));
            }
            Err(TrainingError::Diverged { step, .. }) => break Some(Slice::Diverged { step }),
            Err(error) => return Err(error),
        }
        if began.elapsed() >= SLICE {
            break None;
        }
    };
    let images = (training.images_seen() - images_before) as u32;
    let steps = last_loss.map(|loss| Slice::Steps {
        step: training.step(),
        loss,
        images,
    });
    Ok(steps.into_iter().chain(ending).collect())
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
