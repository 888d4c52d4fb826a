//! Decides how batch normalisation is computed (Ioffe and Szegedy, 2015), with the ReLU behind it:
//! per column of a row-major matrix whose columns are channels.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::sums::{ROWS_OF_PART, add_lanes, column_sums, vectors_of};
use super::vector::{Single, Vector};
use super::width::{Width, with_width};

/// Added to a variance before its root is taken, as in PyTorch.
pub const EPSILON: f32 = 1e-5;

/// Mean and variance per channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Variance of each channel, divided by the number of rows.
    pub variance: Vec<f32>,
}

impl Statistics {
    /// 1 / sqrt(variance + ε) of each channel.
    #[must_use]
    pub fn inverse_deviation(&self) -> Vec<f32> {
        let inverse = |&variance: &f32| 1.0 / (variance + EPSILON).sqrt();
        self.variance.iter().map(inverse).collect()
    }
}

/// A batch-norm with the memory it needs from the forward pass to the backward.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    width: Width,
    channels: usize,
    statistics: Statistics,
    inverse: Vec<f32>,
    /// Of each channel: what a value's deviation from the mean is multiplied with.
    factor: Vec<f32>,
    sums: [Vec<f64>; 2],
    means: [Vec<f32>; 2],
}

impl BatchNorm {
    /// For `channels` channels.
    #[must_use]
    pub fn new(width: Width, channels: usize) -> Self {
        Self {
            width,
            channels,
            statistics: Statistics {
                mean: vec![0.0; channels],
                variance: vec![0.0; channels],
            },
            inverse: vec![0.0; channels],
            factor: vec![0.0; channels],
            sums: [vec![0.0; channels], vec![0.0; channels]],
            means: [vec![0.0; channels], vec![0.0; channels]],
        }
    }

    /// Those of the last [`BatchNorm::measure`].
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Takes the statistics of `values` `[rows, channels]`.
    ///
    /// # Panics
    /// If there are no rows, or a length does not fit.
    pub fn measure(&mut self, values: &[f32]) {
        let rows = self.rows(values) as f64;
        column_sums(self.width, values, &mut self.sums[0]);
        mean(&mut self.statistics.mean, &self.sums[0], rows);
        self.sums[0].fill(0.0);
        add_squares(self.width, values, &self.statistics.mean, &mut self.sums[0]);
        mean(&mut self.statistics.variance, &self.sums[0], rows);
        self.prepare();
    }

    /// Takes statistics from elsewhere.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn adopt(&mut self, statistics: &Statistics) {
        self.statistics.mean.copy_from_slice(&statistics.mean);
        self.statistics
            .variance
            .copy_from_slice(&statistics.variance);
        self.prepare();
    }

    fn prepare(&mut self) {
        self.inverse = self.statistics.inverse_deviation();
    }

    /// max(0, (value - mean) / deviation · scale + shift), by the statistics taken last.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&mut self, values: &[f32], scale: &[f32], shift: &[f32], result: &mut [f32]) {
        self.rows(values);
        multiply(&mut self.factor, &self.inverse, scale);
        normalise(
            self.width,
            values,
            [&self.statistics.mean, &self.factor, shift],
            result,
        );
    }

    /// From the gradient for the result to the one for `values`, in place; gives those for scale and
    /// shift. Where `of_batch`, the statistics are those of `values` and depend on them.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn backward(
        &mut self,
        (values, result): (&[f32], &[f32]),
        of_batch: bool,
        gradient: &mut [f32],
        (for_scale, for_shift): (&mut [f32], &mut [f32]),
    ) {
        let rows = self.rows(values) as f64;
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        let [of_gradient, of_product] = &mut self.sums;
        sum_gradients(
            self.width,
            values,
            result,
            &self.statistics.mean,
            gradient,
            of_gradient,
            of_product,
        );
        for channel in 0..self.channels {
            let inverse = f64::from(self.inverse[channel]);
            for_shift[channel] = self.sums[0][channel] as f32;
            for_scale[channel] = (self.sums[1][channel] * inverse) as f32;
            let share = if of_batch { 1.0 / rows } else { 0.0 };
            self.means[0][channel] = (self.sums[0][channel] * share) as f32;
            self.means[1][channel] = (self.sums[1][channel] * share * inverse * inverse) as f32;
        }
        let [mean_gradient, mean_product] = &self.means;
        let channel = [
            &self.statistics.mean,
            &self.factor,
            mean_gradient,
            mean_product,
        ];
        spread_gradients(self.width, values, channel.map(Vec::as_slice), gradient);
    }

    fn rows(&self, values: &[f32]) -> usize {
        let rows = values.len() / self.channels;
        assert!(rows > 0 && rows * self.channels == values.len());
        rows
    }
}

fn mean(target: &mut [f32], sums: &[f64], rows: f64) {
    for (target, sum) in target.iter_mut().zip(sums) {
        *target = (sum / rows) as f32;
    }
}

fn multiply(target: &mut [f32], left: &[f32], right: &[f32]) {
    assert_eq!(left.len(), right.len());
    for ((target, left), right) in target.iter_mut().zip(left).zip(right) {
        *target = left * right;
    }
}

with_width! {
    fn add_squares(values: &[f32], mean: &[f32], sums: &mut [f64]) = add_squares_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn add_squares_with<V: Vector>(values: &[f32], mean: &[f32], sums: &mut [f64]) {
    let channels = sums.len();
    assert_eq!(mean.len(), channels);
    for part in values.chunks(ROWS_OF_PART * channels) {
        for (channel, is_whole) in vectors_of::<V>(channels) {
            // SAFETY: a vector of channels from `channel` lies within each row, mean and the sums.
            unsafe {
                let sums = sums.as_mut_ptr().add(channel);
                let mean = mean.as_ptr().add(channel);
                if is_whole {
                    add_lanes(column_squares::<V>(part, channels, channel, mean), sums);
                } else {
                    add_lanes(
                        column_squares::<Single>(part, channels, channel, mean),
                        sums,
                    );
                }
            }
        }
    }
}

/// # Safety
/// As [`Vector`]; a vector from `channel` must lie within each row, and one at `mean`.
#[inline(always)]
unsafe fn column_squares<V: Vector>(
    part: &[f32],
    channels: usize,
    channel: usize,
    mean: *const f32,
) -> V {
    // SAFETY: as the caller vouches for.
    unsafe {
        let (mut sum, mean) = (V::splat(0.0), V::load(mean));
        for row in part.chunks_exact(channels) {
            let deviation = V::load(row.as_ptr().add(channel)).sub(mean);
            sum = sum.add(deviation.mul(deviation));
        }
        sum
    }
}

with_width! {
    /// `channel` is mean, factor and shift of each channel.
    fn normalise(values: &[f32], channel: [&[f32]; 3], result: &mut [f32]) = normalise_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn normalise_with<V: Vector>(values: &[f32], of_channel: [&[f32]; 3], result: &mut [f32]) {
    let channels = of_channel[0].len();
    assert!(of_channel.iter().all(|values| values.len() == channels));
    assert_eq!(values.len(), result.len());
    let parts = values.chunks(ROWS_OF_PART * channels);
    for (part, result) in parts.zip(result.chunks_mut(ROWS_OF_PART * channels)) {
        for (channel, is_whole) in vectors_of::<V>(channels) {
            // SAFETY: a vector of channels from `channel` lies within each row and each parameter.
            unsafe {
                let with = of_channel.map(|values| values.as_ptr().add(channel));
                if is_whole {
                    normalise_column::<V>(part, channels, channel, with, result);
                } else {
                    normalise_column::<Single>(part, channels, channel, with, result);
                }
            }
        }
    }
}

/// # Safety
/// As [`Vector`]; a vector from `channel` must lie within each row, and one at each of `with`.
#[inline(always)]
unsafe fn normalise_column<V: Vector>(
    part: &[f32],
    channels: usize,
    channel: usize,
    with: [*const f32; 3],
    result: &mut [f32],
) {
    // SAFETY: as the caller vouches for; rows of the result are as long.
    unsafe {
        let [mean, factor, shift] = with.map(|with| V::load(with));
        for (row, result) in part
            .chunks_exact(channels)
            .zip(result.chunks_exact_mut(channels))
        {
            let deviation = V::load(row.as_ptr().add(channel)).sub(mean);
            let value = deviation.mul(factor).add(shift).relu();
            value.store(result.as_mut_ptr().add(channel));
        }
    }
}

with_width! {
    /// Takes the gradient through the ReLU, in place, and adds up it and its product with the
    /// values' deviation from the mean.
    fn sum_gradients(
        values: &[f32],
        result: &[f32],
        mean: &[f32],
        gradient: &mut [f32],
        of_gradient: &mut [f64],
        of_product: &mut [f64],
    ) = sum_gradients_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn sum_gradients_with<V: Vector>(
    values: &[f32],
    result: &[f32],
    mean: &[f32],
    gradient: &mut [f32],
    of_gradient: &mut [f64],
    of_product: &mut [f64],
) {
    let channels = mean.len();
    assert!(of_gradient.len() == channels && of_product.len() == channels);
    assert!(values.len() == result.len() && values.len() == gradient.len());
    let size = ROWS_OF_PART * channels;
    let parts = values.chunks(size).zip(result.chunks(size));
    for ((values, result), gradient) in parts.zip(gradient.chunks_mut(size)) {
        for (channel, is_whole) in vectors_of::<V>(channels) {
            // SAFETY: a vector of channels from `channel` lies within each row, mean and the sums.
            unsafe {
                let mean = mean.as_ptr().add(channel);
                let sums = (
                    of_gradient.as_mut_ptr().add(channel),
                    of_product.as_mut_ptr().add(channel),
                );
                if is_whole {
                    sum_gradient_column::<V>(
                        (values, result),
                        channels,
                        channel,
                        mean,
                        gradient,
                        sums,
                    );
                } else {
                    sum_gradient_column::<Single>(
                        (values, result),
                        channels,
                        channel,
                        mean,
                        gradient,
                        sums,
                    );
                }
            }
        }
    }
}

/// # Safety
/// As [`Vector`]; a vector from `channel` must lie within each row, and one at `mean` and the sums.
#[inline(always)]
unsafe fn sum_gradient_column<V: Vector>(
    (values, result): (&[f32], &[f32]),
    channels: usize,
    channel: usize,
    mean: *const f32,
    gradient: &mut [f32],
    (of_gradient, of_product): (*mut f64, *mut f64),
) {
    // SAFETY: as the caller vouches for; rows of all three are as long.
    unsafe {
        let mean = V::load(mean);
        let (mut gradients, mut products) = (V::splat(0.0), V::splat(0.0));
        let rows = values
            .chunks_exact(channels)
            .zip(result.chunks_exact(channels));
        for ((values, result), gradient) in rows.zip(gradient.chunks_exact_mut(channels)) {
            let target = gradient.as_mut_ptr().add(channel);
            let passed = V::load(target).where_positive(V::load(result.as_ptr().add(channel)));
            passed.store(target);
            gradients = gradients.add(passed);
            let deviation = V::load(values.as_ptr().add(channel)).sub(mean);
            products = products.add(passed.mul(deviation));
        }
        add_lanes(gradients, of_gradient);
        add_lanes(products, of_product);
    }
}

with_width! {
    /// `channel` is mean, factor, mean gradient and mean product of each channel.
    fn spread_gradients(values: &[f32], channel: [&[f32]; 4], gradient: &mut [f32]) = spread_gradients_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn spread_gradients_with<V: Vector>(
    values: &[f32],
    of_channel: [&[f32]; 4],
    gradient: &mut [f32],
) {
    let channels = of_channel[0].len();
    assert!(of_channel.iter().all(|values| values.len() == channels));
    assert_eq!(values.len(), gradient.len());
    let parts = values.chunks(ROWS_OF_PART * channels);
    for (part, gradient) in parts.zip(gradient.chunks_mut(ROWS_OF_PART * channels)) {
        for (channel, is_whole) in vectors_of::<V>(channels) {
            // SAFETY: a vector of channels from `channel` lies within each row and each parameter.
            unsafe {
                let with = of_channel.map(|values| values.as_ptr().add(channel));
                if is_whole {
                    spread_gradient_column::<V>(part, channels, channel, with, gradient);
                } else {
                    spread_gradient_column::<Single>(part, channels, channel, with, gradient);
                }
            }
        }
    }
}

/// # Safety
/// As [`Vector`]; a vector from `channel` must lie within each row, and one at each of `with`.
#[inline(always)]
unsafe fn spread_gradient_column<V: Vector>(
    part: &[f32],
    channels: usize,
    channel: usize,
    with: [*const f32; 4],
    gradient: &mut [f32],
) {
    // SAFETY: as the caller vouches for; rows of the gradient are as long.
    unsafe {
        let [mean, factor, mean_gradient, mean_product] = with.map(|with| V::load(with));
        for (row, gradient) in part
            .chunks_exact(channels)
            .zip(gradient.chunks_exact_mut(channels))
        {
            let target = gradient.as_mut_ptr().add(channel);
            let deviation = V::load(row.as_ptr().add(channel)).sub(mean);
            let own = V::load(target)
                .sub(mean_gradient)
                .sub(deviation.mul(mean_product));
            own.mul(factor).store(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{assert_close, at_every_width, values};
    use super::*;

    /// Part of the largest value by which any may be off: the mean of values around 2 is rounded by
    /// 1e-7, of which sums over hundreds of rows have their share.
    const TOLERANCE: f64 = 1e-5;

    /// Scale, shift, values and the gradient for the result.
    struct Batch {
        channels: usize,
        scale: Vec<f32>,
        shift: Vec<f32>,
        values: Vec<f32>,
        of_result: Vec<f32>,
    }

    /// What comes of a batch in double precision.
    struct Expected {
        mean: Vec<f64>,
        variance: Vec<f64>,
        result: Vec<f64>,
        gradient: Vec<f64>,
        for_scale: Vec<f64>,
        for_shift: Vec<f64>,
    }

    impl Batch {
        fn draw(rows: usize, channels: usize) -> Self {
            let around_zero = values(rows * channels, 1).into_iter();
            Self {
                channels,
                scale: values(channels, 2),
                shift: values(channels, 3),
                // The mean of their squares less the square of their mean would lose digits.
                values: around_zero.map(|value| value + 2.0).collect(),
                of_result: values(rows * channels, 4),
            }
        }

        fn column(&self, of: &[f32], channel: usize) -> Vec<f64> {
            let column = of[channel..].iter().step_by(self.channels);
            column.copied().map(f64::from).collect()
        }

        fn expected(&self, running: Option<&Statistics>) -> Expected {
            let count = self.values.len();
            let mut expected = Expected {
                mean: Vec::new(),
                variance: Vec::new(),
                result: vec![0.0; count],
                gradient: vec![0.0; count],
                for_scale: Vec::new(),
                for_shift: Vec::new(),
            };
            for channel in 0..self.channels {
                self.expect_channel(channel, running, &mut expected);
            }
            expected
        }

        fn expect_channel(
            &self,
            channel: usize,
            running: Option<&Statistics>,
            expected: &mut Expected,
        ) {
            let column = self.column(&self.values, channel);
            let rows = column.len() as f64;
            let average = |values: &[f64]| values.iter().sum::<f64>() / rows;
            let (mean, variance) = match running {
                Some(running) => (
                    f64::from(running.mean[channel]),
                    f64::from(running.variance[channel]),
                ),
                None => {
                    let mean = average(&column);
                    let squares: Vec<f64> =
                        column.iter().map(|value| (value - mean).powi(2)).collect();
                    (mean, average(&squares))
                }
            };
            let (scale, shift) = (
                f64::from(self.scale[channel]),
                f64::from(self.shift[channel]),
            );
            let deviation = (variance + f64::from(EPSILON)).sqrt();
            let normal: Vec<f64> = column
                .iter()
                .map(|value| (value - mean) / deviation)
                .collect();
            let passed: Vec<f64> = self
                .column(&self.of_result, channel)
                .iter()
                .zip(&normal)
                .map(|(gradient, normal)| {
                    if normal * scale + shift > 0.0 {
                        *gradient
                    } else {
                        0.0
                    }
                })
                .collect();
            let products: Vec<f64> = passed.iter().zip(&normal).map(|(a, b)| a * b).collect();
            for (row, normal) in normal.iter().enumerate() {
                let at = row * self.channels + channel;
                expected.result[at] = (normal * scale + shift).max(0.0);
                let of_statistics = match running {
                    Some(_) => 0.0,
                    None => average(&passed) + normal * average(&products),
                };
                expected.gradient[at] = (passed[row] - of_statistics) * scale / deviation;
            }
            expected.mean.push(mean);
            expected.variance.push(variance);
            expected.for_scale.push(products.iter().sum());
            expected.for_shift.push(passed.iter().sum());
        }

        /// Mean, variance, result and gradients for values, scale and shift, one after the other.
        fn computed(&self, width: Width, running: Option<&Statistics>) -> Vec<f32> {
            let mut norm = BatchNorm::new(width, self.channels);
            match running {
                Some(running) => norm.adopt(running),
                None => norm.measure(&self.values),
            }
            let mut result = vec![f32::NAN; self.values.len()];
            norm.forward(&self.values, &self.scale, &self.shift, &mut result);
            let mut gradient = self.of_result.clone();
            let mut for_scale = vec![f32::NAN; self.channels];
            let mut for_shift = for_scale.clone();
            norm.backward(
                (&self.values, &result),
                running.is_none(),
                &mut gradient,
                (&mut for_scale, &mut for_shift),
            );
            let Statistics { mean, variance } = norm.statistics().clone();
            [mean, variance, result, gradient, for_scale, for_shift].concat()
        }

        fn check(&self, running: Option<&Statistics>) {
            let expected = self.expected(running);
            let found = at_every_width(|width| self.computed(width, running));
            let mut rest = found.as_slice();
            let parts = [
                ("mean", expected.mean),
                ("variance", expected.variance),
                ("result", expected.result),
                ("gradient", expected.gradient),
                ("gradient for scale", expected.for_scale),
                ("gradient for shift", expected.for_shift),
            ];
            for (name, expected) in parts {
                let (part, after) = rest.split_at(expected.len());
                rest = after;
                let name = format!("{name} of {} channels", self.channels);
                assert_close(&name, part, &expected, TOLERANCE);
            }
        }
    }

    #[test]
    fn all_is_as_in_plain_loops_at_every_width() {
        for channels in [1, 3, 4, 8, 11, 16, 17, 33] {
            for rows in [5, 128, 129, 300] {
                Batch::draw(rows, channels).check(None);
            }
        }
    }

    #[test]
    fn statistics_from_elsewhere_are_constants() {
        for channels in [1, 7, 16, 33] {
            let running = Statistics {
                mean: values(channels, 8).iter().map(|mean| mean + 2.0).collect(),
                variance: values(channels, 9).iter().map(|one| one + 0.6).collect(),
            };
            for rows in [1, 2, 130] {
                Batch::draw(rows, channels).check(Some(&running));
            }
        }
    }

    #[test]
    fn what_is_no_number_or_infinite_shows_in_its_whole_channel() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut batch = Batch::draw(9, 19);
            for channel in [2, 18] {
                batch.values[3 * 19 + channel] = wrong;
            }
            for width in Width::available() {
                let computed = batch.computed(width, None);
                let result = &computed[2 * 19..][..9 * 19];
                for (index, value) in result.iter().enumerate() {
                    assert_eq!(value.is_nan(), [2, 18].contains(&(index % 19)), "{width}");
                }
            }
        }
    }
}
