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
