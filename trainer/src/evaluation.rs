//! Decides how predictions are counted against labels. It does not know which images are scored, or
//! what a score is for.

use candle_core::Result;

use crate::images::normalise;
use crate::lenet::LeNet;

/// Images scored at a time, so that a unit of work stays short and needs little memory.
pub const CHUNK: usize = 200;

/// How many of the images `pixels` `[labels.len(), height, width]` the model puts in their class.
///
/// # Errors
/// If candle fails where it should not.
///
/// # Panics
/// If there are not as many images as labels.
pub fn count_correct(model: &LeNet, pixels: &[u8], labels: &[u8]) -> Result<usize> {
    let logits = model.logits(|input| normalise(pixels, input), labels.len())?;
    let rows = logits.chunks_exact(model.architecture().classes());
    Ok(rows
        .zip(labels)
        .filter(|&(row, &label)| highest(row) == usize::from(label))
        .count())
}

/// The class of the highest logit, the first among equals.
fn highest(row: &[f32]) -> usize {
    (1..row.len()).fold(
        0,
        |best, class| if row[class] > row[best] { class } else { best },
    )
}
