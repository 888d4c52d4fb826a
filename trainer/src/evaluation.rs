//! Decides how a model's answers are read: as probabilities of classes, and as a count of those that
//! are right. It does not know which images are scored, or what a score is for.

use candle_core::Result;

use crate::architecture::Architecture;
use crate::images::{normalisation_table, normalise};
use crate::kernels::cross_entropy::softmax;
use crate::lenet::LeNet;
use crate::shift::Shift;

/// Images passed forward at a time, so that a unit of work stays short and needs little memory.
const CHUNK: usize = 200;

/// How an image is shown where it is shown more than once, itself first.
const VIEWS: [Shift; 5] = [
    Shift { down: 0, right: 0 },
    Shift { down: 1, right: 0 },
    Shift { down: -1, right: 0 },
    Shift { down: 0, right: 1 },
    Shift { down: 0, right: -1 },
];

/// How often such a model looks at an image.
#[must_use]
pub fn views(architecture: &Architecture) -> usize {
    if architecture.test_time_augmentation() {
        VIEWS.len()
    } else {
        1
    }
}

/// Images scored in a unit of work.
#[must_use]
pub fn chunk(model: &LeNet) -> usize {
    CHUNK / views(model.architecture())
}

/// How many of the images `pixels` `[labels.len(), height, width]` the model puts in their class.
///
/// # Errors
/// If candle fails where it should not.
///
/// # Panics
/// If there are not as many images as labels.
pub fn count_correct(model: &LeNet, pixels: &[u8], labels: &[u8]) -> Result<usize> {
    let guesses = guesses(model, pixels, labels.len())?;
    let pairs = guesses.iter().zip(labels);
    Ok(pairs.filter(|(guess, label)| guess == label).count())
}

/// The class in which the model puts each of `count` images `pixels` `[count, height, width]`.
///
/// # Errors
/// If candle fails where it should not.
///
/// # Panics
/// If there is another number of pixels.
pub fn guesses(model: &LeNet, pixels: &[u8], count: usize) -> Result<Vec<u8>> {
    let architecture = model.architecture();
    let answers = if architecture.test_time_augmentation() {
        probabilities(model, pixels, count)?
    } else {
        model.logits(|input| normalise(pixels, input), count)?
    };
    let rows = answers.chunks_exact(architecture.classes());
    Ok(rows.map(highest).collect())
}

/// The probability of each class for each of `count` images `pixels` `[count, height, width]`, as
/// `[count, classes]`.
///
/// # Errors
/// If candle fails where it should not.
///
/// # Panics
/// If there is another number of pixels.
pub fn probabilities(model: &LeNet, pixels: &[u8], count: usize) -> Result<Vec<f32>> {
    let architecture = model.architecture();
    let views = &VIEWS[..views(architecture)];
    let mut means = vec![0.0_f32; count * architecture.classes()];
    for &view in views {
        let mut answers = model.logits(|input| show(model, view, pixels, input), count)?;
        softmax(&mut answers, architecture.classes());
        for (mean, answer) in means.iter_mut().zip(answers) {
            *mean += answer / views.len() as f32;
        }
    }
    Ok(means)
}

/// Writes normalised images, all moved alike.
fn show(model: &LeNet, view: Shift, pixels: &[u8], values: &mut [f32]) {
    let (height, width) = (model.architecture().height(), model.architecture().width());
    let table = normalisation_table();
    assert_eq!(pixels.len(), values.len());
    let images = pixels.chunks_exact(height * width);
    for (pixels, values) in images.zip(values.chunks_exact_mut(height * width)) {
        view.show(pixels, (height, width), &table, values);
    }
}

/// The class of the highest answer, the first among equals.
fn highest(row: &[f32]) -> u8 {
    let best = (1..row.len()).fold(
        0,
        |best, class| if row[class] > row[best] { class } else { best },
    );
    u8::try_from(best).expect("there are at most 256 classes")
}
