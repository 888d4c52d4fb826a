//! Decides how one optimiser step changes weights and moments, element by element, and whether they
//! are still numbers.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::vector::{Single, Vector};
use super::width::{Width, with_width};

/// What one AdamW step needs beside weights and gradients.
#[derive(Clone, Copy, Debug)]
pub struct AdamwStep {
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Steps taken including this one, from 1.
    pub step: u64,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;
const MOMENTUM: f32 = 0.9;

/// AdamW as in PyTorch: decay, then both moments, then the bias-corrected step. Gives whether all
/// that it changed is finite.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn adamw(
    width: Width,
    weights: &mut [f32],
    gradient: &[f32],
    (first, second): (&mut [f32], &mut [f32]),
    with: AdamwStep,
) -> bool {
    let correction = |beta: f64| 1.0 - libm::pow(beta, with.step as f64);
    let factors = AdamwFactors {
        decay: (1.0 - with.learning_rate * with.weight_decay) as f32,
        rate: (with.learning_rate / correction(BETA1)) as f32,
        second_scale: (1.0 / correction(BETA2).sqrt()) as f32,
        keep: [BETA1 as f32, BETA2 as f32],
        take: [(1.0 - BETA1) as f32, (1.0 - BETA2) as f32],
    };
    let mut is_finite = true;
    take_adamw_step(
        width,
        weights,
        gradient,
        first,
        second,
        &factors,
        &mut is_finite,
    );
    is_finite
}

struct AdamwFactors {
    decay: f32,
    rate: f32,
    second_scale: f32,
    keep: [f32; 2],
    take: [f32; 2],
}

with_width! {
    fn take_adamw_step(
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        with: &AdamwFactors,
        is_finite: &mut bool,
    ) = adamw_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn adamw_with<V: Vector>(
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    with: &AdamwFactors,
    is_finite: &mut bool,
) {
    let count = weights.len();
    assert!([gradient.len(), first.len(), second.len()] == [count; 3]);
    let pointers = [
        weights.as_mut_ptr(),
        first.as_mut_ptr(),
        second.as_mut_ptr(),
    ];
    let whole = count - count % V::LANES;
    // SAFETY: all four slices hold `count` values; the caller vouches for the processor.
    unsafe {
        let of_vectors = adamw_range::<V>(pointers, gradient.as_ptr(), 0..whole, with);
        let of_rest = adamw_range::<Single>(pointers, gradient.as_ptr(), whole..count, with);
        *is_finite = is_zero(of_vectors) && is_zero(of_rest);
    }
}

/// # Safety
/// As [`Vector`]; weights, both moments and the gradient must hold the values of the range, a
/// multiple of V's.
#[inline(always)]
unsafe fn adamw_range<V: Vector>(
    pointers: [*mut f32; 3],
    gradient: *const f32,
    range: std::ops::Range<usize>,
    with: &AdamwFactors,
) -> V {
    // SAFETY: as the caller vouches for.
    unsafe {
        let [decay, rate, second_scale, epsilon] =
            [with.decay, with.rate, with.second_scale, EPSILON].map(|value| V::splat(value));
        let keep = with.keep.map(|value| V::splat(value));
        let take = with.take.map(|value| V::splat(value));
        let mut differences = V::splat(0.0);
        for at in range.step_by(V::LANES) {
            let [weight, first, second] = pointers.map(|pointer| pointer.add(at));
            let gradient = V::load(gradient.add(at));
            let new_first = keep[0].mul(V::load(first)).add(take[0].mul(gradient));
            let new_second = keep[1]
                .mul(V::load(second))
                .add(take[1].mul(gradient).mul(gradient));
            let deviation = new_second.sqrt().mul(second_scale).add(epsilon);
            let step = rate.mul(new_first).div(deviation);
            let new_weight = V::load(weight).mul(decay).sub(step);
            new_first.store(first);
            new_second.store(second);
            new_weight.store(weight);
            // 0 unless one of the three is an infinity or not a number.
            let of_moments = new_second.sub(new_second).add(new_first.sub(new_first));
            differences = differences.add(of_moments).add(new_weight.sub(new_weight));
        }
        differences
    }
}

/// SGD as in PyTorch with momentum 0.9, no dampening, not Nesterov's, and L2 weight decay. Gives
/// whether all that it changed is finite.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn sgd(
    width: Width,
    weights: &mut [f32],
    gradient: &[f32],
    velocity: &mut [f32],
    (learning_rate, weight_decay): (f64, f64),
) -> bool {
    let factors = [learning_rate as f32, weight_decay as f32];
    let mut is_finite = true;
    take_sgd_step(width, weights, gradient, velocity, factors, &mut is_finite);
    is_finite
}

with_width! {
    fn take_sgd_step(
        weights: &mut [f32],
        gradient: &[f32],
        velocity: &mut [f32],
        factors: [f32; 2],
        is_finite: &mut bool,
    ) = sgd_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn sgd_with<V: Vector>(
    weights: &mut [f32],
    gradient: &[f32],
    velocity: &mut [f32],
    factors: [f32; 2],
    is_finite: &mut bool,
) {
    let count = weights.len();
    assert!([gradient.len(), velocity.len()] == [count; 2]);
    let pointers = [weights.as_mut_ptr(), velocity.as_mut_ptr()];
    let whole = count - count % V::LANES;
    // SAFETY: all three slices hold `count` values; the caller vouches for the processor.
    unsafe {
        let of_vectors = sgd_range::<V>(pointers, gradient.as_ptr(), 0..whole, factors);
        let of_rest = sgd_range::<Single>(pointers, gradient.as_ptr(), whole..count, factors);
        *is_finite = is_zero(of_vectors) && is_zero(of_rest);
    }
}

/// # Safety
/// As [`Vector`]; weights, velocity and gradient must hold the values of the range, a multiple of
/// V's.
#[inline(always)]
unsafe fn sgd_range<V: Vector>(
    pointers: [*mut f32; 2],
    gradient: *const f32,
    range: std::ops::Range<usize>,
    factors: [f32; 2],
) -> V {
    // SAFETY: as the caller vouches for.
    unsafe {
        let [rate, decay] = factors.map(|factor| V::splat(factor));
        let momentum = V::splat(MOMENTUM);
        let mut differences = V::splat(0.0);
        for at in range.step_by(V::LANES) {
            let [weight, velocity] = pointers.map(|pointer| pointer.add(at));
            let old = V::load(weight);
            let along = V::load(gradient.add(at)).add(decay.mul(old));
            let new_velocity = momentum.mul(V::load(velocity)).add(along);
            let new_weight = old.sub(rate.mul(new_velocity));
            new_velocity.store(velocity);
            new_weight.store(weight);
            let of_velocity = new_velocity.sub(new_velocity);
            differences = differences.add(of_velocity).add(new_weight.sub(new_weight));
        }
        differences
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn is_zero<V: Vector>(vector: V) -> bool {
    let mut lanes = [0.0_f32; super::matrix::MOST_LANES];
    // SAFETY: no vector is wider than `lanes`; the caller vouches for the processor.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    lanes == [0.0; super::matrix::MOST_LANES]
}

/// Whether no value is an infinity or a NaN; looks at all of them, which is faster than stopping.
#[must_use]
pub fn all_finite(values: &[f32]) -> bool {
    values
        .iter()
        .fold(true, |so_far, value| so_far & value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::reference::{assert_close, at_every_width, values};
    use super::*;

    /// Weights of no whole vector.
    const COUNT: usize = 37;
    const STEPS: u64 = 12;
    const LEARNING_RATE: f64 = 0.02;
    const WEIGHT_DECAY: f64 = 0.3;
    /// Part of the largest value by which any may be off: a few roundings of 6e-8 in each step.
    const TOLERANCE: f64 = 2e-6;

    fn gradient(step: u64) -> Vec<f32> {
        values(COUNT, 100 + step)
    }

    fn doubled(values: &[f32]) -> Vec<f64> {
        values.iter().copied().map(f64::from).collect()
    }

    fn step(step: u64) -> AdamwStep {
        AdamwStep {
            learning_rate: LEARNING_RATE,
            weight_decay: WEIGHT_DECAY,
            step,
        }
    }

    #[test]
    fn adamw_is_as_in_a_plain_loop_at_every_width() {
        let found = at_every_width(|width| {
            let mut weights = values(COUNT, 1);
            let (mut first, mut second) = (vec![0.0; COUNT], vec![0.0; COUNT]);
            for number in 1..=STEPS {
                let moments = (first.as_mut_slice(), second.as_mut_slice());
                assert!(adamw(
                    width,
                    &mut weights,
                    &gradient(number),
                    moments,
                    step(number)
                ));
            }
            [weights, first, second].concat()
        });
        let mut weights = doubled(&values(COUNT, 1));
        let (mut first, mut second) = (vec![0.0; COUNT], vec![0.0; COUNT]);
        for number in 1..=STEPS {
            for (at, gradient) in doubled(&gradient(number)).into_iter().enumerate() {
                first[at] = 0.9 * first[at] + 0.1 * gradient;
                second[at] = 0.999 * second[at] + 0.001 * gradient * gradient;
                let first = first[at] / (1.0 - 0.9_f64.powi(number as i32));
                let second: f64 = second[at] / (1.0 - 0.999_f64.powi(number as i32));
                weights[at] -= LEARNING_RATE * WEIGHT_DECAY * weights[at];
                weights[at] -= LEARNING_RATE * first / (second.sqrt() + 1e-8);
            }
        }
        assert_close("weights", &found[..COUNT], &weights, TOLERANCE);
        assert_close("first moments", &found[COUNT..2 * COUNT], &first, TOLERANCE);
        assert_close("second moments", &found[2 * COUNT..], &second, TOLERANCE);
    }

    #[test]
    fn sgd_is_as_in_a_plain_loop_at_every_width() {
        let found = at_every_width(|width| {
            let (mut weights, mut velocity) = (values(COUNT, 1), vec![0.0; COUNT]);
            for number in 1..=STEPS {
                let rates = (LEARNING_RATE, WEIGHT_DECAY);
                assert!(sgd(
                    width,
                    &mut weights,
                    &gradient(number),
                    &mut velocity,
                    rates
                ));
            }
            [weights, velocity].concat()
        });
        let (mut weights, mut velocity) = (doubled(&values(COUNT, 1)), vec![0.0; COUNT]);
        for number in 1..=STEPS {
            for (at, gradient) in doubled(&gradient(number)).into_iter().enumerate() {
                velocity[at] = 0.9 * velocity[at] + gradient + WEIGHT_DECAY * weights[at];
                weights[at] -= LEARNING_RATE * velocity[at];
            }
        }
        assert_close("weights", &found[..COUNT], &weights, TOLERANCE);
        assert_close("velocities", &found[COUNT..], &velocity, TOLERANCE);
    }

    #[test]
    fn what_is_no_number_or_infinite_is_told_wherever_it_stands() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in 0..COUNT {
                for which in 0..4 {
                    let mut slices = [
                        values(COUNT, 1),
                        gradient(1),
                        vec![0.0; COUNT],
                        vec![0.0; COUNT],
                    ];
                    slices[which][at] = wrong;
                    for width in Width::available() {
                        let [mut weights, gradient, mut first, mut second] = slices.clone();
                        let mut velocity = first.clone();
                        let moments = (first.as_mut_slice(), second.as_mut_slice());
                        assert!(!adamw(width, &mut weights, &gradient, moments, step(1)));
                        if which < 3 {
                            let mut weights = slices[0].clone();
                            let rates = (LEARNING_RATE, WEIGHT_DECAY);
                            assert!(!sgd(width, &mut weights, &gradient, &mut velocity, rates));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_overflows_in_the_step_is_told() {
        for width in Width::available() {
            let (mut first, mut second) = (vec![0.0; COUNT], vec![0.0; COUNT]);
            let mut weights = values(COUNT, 1);
            let mut large = gradient(1);
            large[COUNT - 1] = 1e21;
            let moments = (first.as_mut_slice(), second.as_mut_slice());
            assert!(!adamw(width, &mut weights, &large, moments, step(1)));
            assert!(second[COUNT - 1].is_infinite() && all_finite(&weights));

            let (mut weights, mut velocity) = (values(COUNT, 1), vec![0.0; COUNT]);
            velocity[0] = f32::MAX;
            assert!(!sgd(
                width,
                &mut weights,
                &gradient(1),
                &mut velocity,
                (10.0, 0.0)
            ));
            assert!(weights[0].is_infinite() && all_finite(&velocity));
        }
    }

    #[test]
    fn one_value_that_is_not_finite_is_enough() {
        let mut some = values(COUNT, 1);
        assert!(all_finite(&some));
        some[COUNT - 1] = f32::NAN;
        assert!(!all_finite(&some));
        some[COUNT - 1] = f32::MAX;
        some[0] = f32::NEG_INFINITY;
        assert!(!all_finite(&some));
    }
}
