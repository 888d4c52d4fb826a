//! Decides how batch normalisation is computed (Ioffe and Szegedy, 2015): per column of a row-major
//! matrix whose columns are channels, with totals in double precision.

use super::column_sums;

/// Added to a variance before its root is taken, as in PyTorch.
pub const EPSILON: f32 = 1e-5;

/// Mean and variance per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Variance of each channel, divided by the number of rows.
    pub variance: Vec<f32>,
}

/// Mean and variance of each column of `values`, `channels` wide.
#[must_use]
pub fn statistics(values: &[f32], channels: usize) -> Statistics {
    let rows = (values.len() / channels) as f64;
    let mean: Vec<f64> = column_sums(values, channels)
        .into_iter()
        .map(|sum| sum / rows)
        .collect();
    let mut squares = vec![0.0_f64; channels];
    for row in values.chunks_exact(channels) {
        for ((square, &value), mean) in squares.iter_mut().zip(row).zip(&mean) {
            let deviation = f64::from(value) - mean;
            *square += deviation * deviation;
        }
    }
    Statistics {
        mean: mean.iter().map(|&mean| mean as f32).collect(),
        variance: squares
            .iter()
            .map(|square| (square / rows) as f32)
            .collect(),
    }
}

/// 1 / sqrt(variance + ε) of each channel.
#[must_use]
pub fn inverse_deviation(variance: &[f32]) -> Vec<f32> {
    let inverse = |&variance: &f32| 1.0 / (variance + EPSILON).sqrt();
    variance.iter().map(inverse).collect()
}

/// (value - mean) / deviation · scale + shift.
#[must_use]
pub fn normalise(values: &[f32], with: &Statistics, scale: &[f32], shift: &[f32]) -> Vec<f32> {
    let channels = scale.len();
    let inverse = inverse_deviation(&with.variance);
    let mut result = Vec::with_capacity(values.len());
    for row in values.chunks_exact(channels) {
        let parameters = with.mean.iter().zip(&inverse).zip(scale).zip(shift);
        result.extend(row.iter().zip(parameters).map(
            |(&value, (((mean, inverse), scale), shift))| (value - mean) * inverse * scale + shift,
        ));
    }
    result
}

/// Gradients of [`normalise`] for its values, scale and shift.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// For the values, `[rows, channels]`.
    pub values: Vec<f32>,
    /// For the scale of each channel.
    pub scale: Vec<f32>,
    /// For the shift of each channel.
    pub shift: Vec<f32>,
}

/// Gradients where the statistics are the batch's own, and so depend on the values.
#[must_use]
pub fn gradients_of_batch(
    values: &[f32],
    of: &Statistics,
    scale: &[f32],
    gradient: &[f32],
) -> Gradients {
    let channels = scale.len();
    let rows = (values.len() / channels) as f64;
    let inverse = inverse_deviation(&of.variance);
    let shift_sums = column_sums(gradient, channels);
    let scale_sums = scale_sums(values, of, &inverse, gradient);
    let mean_gradient: Vec<f32> = shift_sums.iter().map(|sum| (sum / rows) as f32).collect();
    let mean_product: Vec<f32> = scale_sums.iter().map(|sum| (sum / rows) as f32).collect();
    let mut result = Vec::with_capacity(values.len());
    for (row, gradient) in values
        .chunks_exact(channels)
        .zip(gradient.chunks_exact(channels))
    {
        let channel = of.mean.iter().zip(&inverse).zip(scale);
        let means = mean_gradient.iter().zip(&mean_product);
        result.extend(row.iter().zip(gradient).zip(channel).zip(means).map(
            |(((&value, gradient), ((mean, inverse), scale)), (mean_gradient, mean_product))| {
                let normal = (value - mean) * inverse;
                (gradient - mean_gradient - normal * mean_product) * inverse * scale
            },
        ));
    }
    Gradients {
        values: result,
        scale: rounded(&scale_sums),
        shift: rounded(&shift_sums),
    }
}

/// Gradients where the statistics were given from outside.
#[must_use]
pub fn gradients_of_given(
    values: &[f32],
    given: &Statistics,
    scale: &[f32],
    gradient: &[f32],
) -> Gradients {
    let channels = scale.len();
    let inverse = inverse_deviation(&given.variance);
    let slope: Vec<f32> = inverse.iter().zip(scale).map(|(a, b)| a * b).collect();
    let along = |row: &[f32]| -> Vec<f32> { row.iter().zip(&slope).map(|(a, b)| a * b).collect() };
    Gradients {
        values: gradient.chunks_exact(channels).flat_map(along).collect(),
        scale: rounded(&scale_sums(values, given, &inverse, gradient)),
        shift: rounded(&column_sums(gradient, channels)),
    }
}

/// Per channel, the sum over rows of gradient times normalised value.
fn scale_sums(values: &[f32], with: &Statistics, inverse: &[f32], gradient: &[f32]) -> Vec<f64> {
    let channels = inverse.len();
    let mut sums = vec![0.0_f64; channels];
    for (row, gradient) in values
        .chunks_exact(channels)
        .zip(gradient.chunks_exact(channels))
    {
        let channel = with.mean.iter().zip(inverse);
        for (((sum, &value), gradient), (mean, inverse)) in
            sums.iter_mut().zip(row).zip(gradient).zip(channel)
        {
            *sum += f64::from(gradient * ((value - mean) * inverse));
        }
    }
    sums
}

fn rounded(sums: &[f64]) -> Vec<f32> {
    sums.iter().map(|&sum| sum as f32).collect()
}
