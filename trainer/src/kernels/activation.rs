//! Decides how elementwise layers are computed: ReLU and dropout.

use crate::philox::{Draws, unit};

/// max(value, 0) for each value, in place; a NaN stays a NaN, which `f32::max` would hide.
pub fn relu(values: &mut [f32]) {
    for value in values {
        *value = if *value < 0.0 { 0.0 } else { *value };
    }
}

/// From the gradient for the result of [`relu`] to the one for its argument, in place.
///
/// # Panics
/// If the lengths differ.
pub fn relu_gradient(result: &[f32], gradient: &mut [f32]) {
    assert_eq!(result.len(), gradient.len());
    for (gradient, &value) in gradient.iter_mut().zip(result) {
        *gradient = if value > 0.0 { *gradient } else { 0.0 };
    }
}

/// The factor of each unit: 0 for the share `dropout`, 1 / (1 - `dropout`) for the rest.
pub fn dropout_factors(factors: &mut [f32], dropout: f64, mut draws: Draws) {
    let kept = (1.0 / (1.0 - dropout)) as f32;
    let threshold = dropout as f32;
    for factor in factors {
        *factor = if unit(draws.word()) < threshold {
            0.0
        } else {
            kept
        };
    }
}

/// The elementwise product, in place.
///
/// # Panics
/// If the lengths differ.
pub fn scale(values: &mut [f32], factors: &[f32]) {
    assert_eq!(values.len(), factors.len());
    for (value, factor) in values.iter_mut().zip(factors) {
        *value *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::{Philox, Stream};

    #[test]
    fn relu_keeps_what_is_positive_and_shows_a_nan() {
        let mut values = [-1.0, 0.0, 2.0, f32::NAN];
        relu(&mut values);
        assert_eq!(values[..3], [0.0, 0.0, 2.0]);
        assert!(values[3].is_nan());
        let mut gradient = [5.0; 3];
        relu_gradient(&values[..3], &mut gradient);
        assert_eq!(gradient, [0.0, 0.0, 5.0]);
    }

    #[test]
    fn dropout_drops_its_share_and_keeps_the_expectation() {
        let draws = Philox::new(1).draws(Stream::Dropout, 7);
        let mut factors = vec![0.0; 10_000];
        dropout_factors(&mut factors, 0.2, draws);
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
