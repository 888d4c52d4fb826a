//! Decides how the loss of a batch is computed: softmax cross-entropy with label smoothing
//! (Szegedy et al., 2016), as PyTorch's `CrossEntropyLoss(label_smoothing=…)`.

/// The probabilities of each row of `logits`, `classes` wide.
#[must_use]
pub fn softmax(logits: &[f32], classes: usize) -> Vec<f32> {
    let mut probabilities = Vec::with_capacity(logits.len());
    for row in logits.chunks_exact(classes) {
        let highest = highest(row);
        let start = probabilities.len();
        probabilities.extend(row.iter().map(|&logit| libm::expf(logit - highest)));
        let total: f32 = sum(&probabilities[start..]);
        for probability in &mut probabilities[start..] {
            *probability /= total;
        }
    }
    probabilities
}

/// The mean over rows of the cross-entropy between `labels` and `logits`.
#[must_use]
pub fn mean_loss(logits: &[f32], labels: &[u8], classes: usize, smoothing: f64) -> f32 {
    let mut total = 0.0_f64;
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let highest = highest(row);
        let exponentials = row
            .iter()
            .fold(0.0_f32, |sum, &logit| sum + libm::expf(logit - highest));
        let log_total = f64::from(libm::logf(exponentials) + highest);
        let mean_logit = f64::from(sum(row)) / classes as f64;
        let target_logit = f64::from(row[usize::from(label)]);
        total += log_total - (1.0 - smoothing) * target_logit - smoothing * mean_logit;
    }
    (total / labels.len() as f64) as f32
}

/// The gradient of [`mean_loss`] for the logits, times `factor`.
#[must_use]
pub fn gradient(
    logits: &[f32],
    labels: &[u8],
    classes: usize,
    smoothing: f64,
    factor: f32,
) -> Vec<f32> {
    let mut gradient = softmax(logits, classes);
    let off_target = (smoothing / classes as f64) as f32;
    let on_target = (1.0 - smoothing) as f32;
    let share = factor / labels.len() as f32;
    for (row, &label) in gradient.chunks_exact_mut(classes).zip(labels) {
        row[usize::from(label)] -= on_target;
        for value in row {
            *value = (*value - off_target) * share;
        }
    }
    gradient
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
