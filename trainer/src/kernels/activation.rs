//! Decides how elementwise layers are computed: ReLU and dropout.

use crate::philox::{Draws, unit};

/// max(value, 0) for each value; a NaN stays a NaN, which `f32::max` would hide.
#[must_use]
pub fn relu(values: &[f32]) -> Vec<f32> {
    let positive = |&value: &f32| if value < 0.0 { 0.0 } else { value };
    values.iter().map(positive).collect()
}

/// The gradient for the argument of [`relu`], from its result and the gradient for that.
#[must_use]
pub fn relu_gradient(result: &[f32], gradient: &[f32]) -> Vec<f32> {
    let pass = |(&value, &gradient): (&f32, &f32)| if value > 0.0 { gradient } else { 0.0 };
    result.iter().zip(gradient).map(pass).collect()
}

/// The factor of each of `count` units: 0 for the share `dropout`, 1 / (1 - `dropout`) for the rest.
#[must_use]
pub fn dropout_factors(count: usize, dropout: f64, mut draws: Draws) -> Vec<f32> {
    let kept = (1.0 / (1.0 - dropout)) as f32;
    let threshold = dropout as f32;
    let factor = |_| {
        if unit(draws.word()) < threshold {
            0.0
        } else {
            kept
        }
    };
    (0..count).map(factor).collect()
}

/// The elementwise product.
#[must_use]
pub fn scaled(values: &[f32], factors: &[f32]) -> Vec<f32> {
    values
        .iter()
        .zip(factors)
        .map(|(value, factor)| value * factor)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::{Philox, Stream};

    #[test]
    fn relu_keeps_what_is_positive_and_shows_a_nan() {
        let result = relu(&[-1.0, 0.0, 2.0, f32::NAN]);
        assert_eq!(result[..3], [0.0, 0.0, 2.0]);
        assert!(result[3].is_nan());
        assert_eq!(
            relu_gradient(&result[..3], &[5.0, 5.0, 5.0]),
            [0.0, 0.0, 5.0]
        );
    }

    #[test]
    fn dropout_drops_its_share_and_keeps_the_expectation() {
        let draws = Philox::new(1).draws(Stream::Dropout, 7);
        let factors = dropout_factors(10_000, 0.2, draws);
        let dropped = factors.iter().filter(|&&factor| factor == 0.0).count();
        // Five standard deviations of a binomial(10,000, 0.2) are 200.
        assert!(dropped.abs_diff(2_000) < 200);
        assert!(
            factors
                .iter()
                .all(|&factor| factor == 0.0 || factor == 1.25)
        );
    }
}
