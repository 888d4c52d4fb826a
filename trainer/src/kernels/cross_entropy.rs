//! Decides how the loss of a batch is computed: softmax cross-entropy with label smoothing
//! (Szegedy et al., 2016), as PyTorch's `CrossEntropyLoss(label_smoothing=…)`.

/// The probabilities of each row of `logits`, `classes` wide, in place.
pub fn softmax(logits: &mut [f32], classes: usize) {
    for row in logits.chunks_exact_mut(classes) {
        let highest = highest(row);
        for value in row.iter_mut() {
            *value = libm::expf(*value - highest);
        }
        let total = sum(row);
        for value in row {
            *value /= total;
        }
    }
}

/// The mean over rows of the cross-entropy between `labels` and `logits` `[labels.len(), classes]`,
/// which become its gradient.
pub fn mean_loss(logits: &mut [f32], labels: &[u8], classes: usize, smoothing: f64) -> f32 {
    let off_target = (smoothing / classes as f64) as f32;
    let on_target = (1.0 - smoothing) as f32;
    let share = 1.0 / labels.len() as f32;
    let mut total = 0.0_f64;
    for (row, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        let highest = highest(row);
        let mean_logit = f64::from(sum(row)) / classes as f64;
        let target_logit = f64::from(row[usize::from(label)]);
        for value in row.iter_mut() {
            *value = libm::expf(*value - highest);
        }
        let exponentials = sum(row);
        let log_total = f64::from(libm::logf(exponentials) + highest);
        total += log_total - (1.0 - smoothing) * target_logit - smoothing * mean_logit;
        for value in row.iter_mut() {
            *value /= exponentials;
        }
        row[usize::from(label)] -= on_target;
        for value in row {
            *value = (*value - off_target) * share;
        }
    }
    (total / labels.len() as f64) as f32
}

/// The largest value; a NaN wins, so that it shows in the loss.
fn highest(row: &[f32]) -> f32 {
    row.iter().fold(f32::NEG_INFINITY, |highest, &value| {
        if value > highest || value.is_nan() {
            value
        } else {
            highest
        }
    })
}

/// In order, starting from +0 (`Iterator::sum` starts from -0).
fn sum(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::super::reference::{assert_close, values};
    use super::*;

    const CLASSES: usize = 7;
    const LABELS: [u8; 5] = [0, 6, 3, 3, 1];

    fn logits() -> Vec<f32> {
        let logits = values(LABELS.len() * CLASSES, 1).into_iter();
        logits.map(|logit| 20.0 * logit).collect()
    }

    fn probabilities(row: &[f32]) -> Vec<f64> {
        let exponentials = row.iter().map(|&logit| f64::from(logit).exp());
        let total: f64 = exponentials.clone().sum();
        exponentials.map(|one| one / total).collect()
    }

    #[test]
    fn loss_and_gradient_are_those_of_plain_loops() {
        for smoothing in [0.0, 0.1, 0.9] {
            let mut found = logits();
            let loss = mean_loss(&mut found, &LABELS, CLASSES, smoothing);
            let (mut expected_loss, mut expected) = (0.0, Vec::new());
            for (row, &label) in logits().chunks_exact(CLASSES).zip(&LABELS) {
                for (class, probability) in probabilities(row).into_iter().enumerate() {
                    let on_target = f64::from(u8::from(class == usize::from(label)));
                    let target = (1.0 - smoothing) * on_target + smoothing / CLASSES as f64;
                    expected_loss -= target * probability.ln() / LABELS.len() as f64;
                    expected.push((probability - target) / LABELS.len() as f64);
                }
            }
            assert_close("loss", &[loss], &[expected_loss], 1e-6);
            assert_close("gradient", &found, &expected, 1e-6);
        }
    }

    #[test]
    fn probabilities_are_those_of_plain_loops() {
        let mut found = logits();
        softmax(&mut found, CLASSES);
        let rows = logits();
        let expected: Vec<f64> = rows.chunks_exact(CLASSES).flat_map(probabilities).collect();
        assert_close("probabilities", &found, &expected, 1e-6);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let mut logits = [1e30, -1e30, 0.0];
        let loss = mean_loss(&mut logits, &[0], 3, 0.0);
        assert_eq!(loss, 0.0);
        assert_eq!(logits, [0.0; 3]);
    }

    #[test]
    fn what_is_no_number_or_infinite_shows_wherever_it_stands() {
        for wrong in [f32::NAN, f32::INFINITY] {
            for index in 0..LABELS.len() * CLASSES {
                for smoothing in [0.0, 0.1] {
                    let mut logits = logits();
                    logits[index] = wrong;
                    let loss = mean_loss(&mut logits, &LABELS, CLASSES, smoothing);
                    assert!(!loss.is_finite(), "{wrong} at {index}: {loss}");
                }
            }
        }
        // A class that can't be is a fault where it is the right one.
        let mut logits = logits();
        logits[0] = f32::NEG_INFINITY;
        assert!(!mean_loss(&mut logits, &LABELS, CLASSES, 0.0).is_finite());
    }
}
