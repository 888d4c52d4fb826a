//! Decides how predictions are counted against labels. It does not know which images are scored, or
//! what a score is for.

use candle_core::{Result, Tensor};

use crate::images::normalised;
use crate::lenet::LeNet;

/// Images scored at a time, so that a unit of work stays short and needs little memory.
pub const CHUNK: usize = 200;

/// How many of the images `pixels` `[labels.len(), height, width]` the model puts in their class.
///
/// # Errors
/// If there are not as many images as labels.
pub fn count_correct(model: &LeNet, pixels: &[u8], labels: &[u8]) -> Result<usize> {
    let logits = model.forward_inference(normalised(pixels))?;
    Ok(predictions(&logits)?
        .iter()
        .zip(labels)
        .filter(|&(&predicted, &label)| predicted == usize::from(label))
        .count())
}

/// The class of the highest logit of each row, the first among equals.
///
/// # Errors
/// If `logits` has other than two dimensions.
pub fn predictions(logits: &Tensor) -> Result<Vec<usize>> {
    let rows = logits.to_vec2::<f32>()?;
    Ok(rows.iter().map(|row| highest(row)).collect())
}

fn highest(row: &[f32]) -> usize {
    (1..row.len()).fold(
        0,
        |best, class| if row[class] > row[best] { class } else { best },
    )
}
