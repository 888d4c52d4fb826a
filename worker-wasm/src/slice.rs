//! A slice of training: as many units of work as fit, then what came of them.

use tabsweep_trainer::{Progress, Training, TrainingError, sha256_hex};
use tabsweep_volunteer::Slice;

use crate::turn::now_millis;

/// When a slice ends. The last unit may overrun it, and the promise is 100 ms.
const SLICE_MILLIS: f64 = 50.0;

/// Trains for a slice. An epoch's end or a divergence ends it early.
///
/// # Errors
/// The trainer failed where it should not.
pub(crate) fn train(training: &mut Training) -> Result<Vec<Slice>, String> {
    let ends_millis = now_millis() + SLICE_MILLIS;
    let images_before = training.images_seen();
    let mut last_loss = None;
    let mut slices = Vec::new();
    let ending = loop {
        match training.advance() {
            Ok(Progress::Step { loss, .. }) => last_loss = Some(loss),
            Ok(Progress::Evaluating { .. }) => {}
            Ok(Progress::Epoch(figures) | Progress::Finished(figures)) => {
                break Some(Slice::Epoch {
                    epoch: small(figures.epoch),
                    step: figures.step,
                    validation_correct: small(figures.validation_correct),
                    validation_count: small(figures.validation_count),
                    mean_loss: figures.mean_loss as f32,
                    state_sha256: sha256_hex(&training.checkpoint())
                        .parse()
                        .expect("a SHA-256 is 64 digits"),
                    is_last: figures.step == training.total_steps(),
                });
            }
            Err(TrainingError::Diverged { step, .. }) => break Some(Slice::Diverged { step }),
            Err(error) => return Err(error.to_string()),
        }
        if now_millis() >= ends_millis {
            break None;
        }
    };
    if let Some(loss) = last_loss {
        let images = (training.images_seen() - images_before) as u32;
        slices.push(Slice::Steps {
            step: training.step(),
            loss,
            images,
        });
    }
    slices.extend(ending);
    Ok(slices)
}

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("counts of epochs and images are below 2^32")
}
