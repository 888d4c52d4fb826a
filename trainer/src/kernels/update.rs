//! Decides how one optimiser step changes weights and moments, element by element.

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

/// AdamW as in PyTorch: decay, then both moments, then the bias-corrected step.
pub fn adamw(
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    with: AdamwStep,
) {
    let correction = |beta: f64| 1.0 - libm::pow(beta, with.step as f64);
    let decay = (1.0 - with.learning_rate * with.weight_decay) as f32;
    let rate = (with.learning_rate / correction(BETA1)) as f32;
    let second_scale = (1.0 / correction(BETA2).sqrt()) as f32;
    let (keep1, take1) = (BETA1 as f32, (1.0 - BETA1) as f32);
    let (keep2, take2) = (BETA2 as f32, (1.0 - BETA2) as f32);
    let moments = first.iter_mut().zip(second);
    for ((weight, &gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
        *first = keep1 * *first + take1 * gradient;
        *second = keep2 * *second + take2 * gradient * gradient;
        let deviation = second.sqrt() * second_scale + EPSILON;
        *weight = *weight * decay - rate * *first / deviation;
    }
}

/// SGD as in PyTorch with momentum 0.9, no dampening, not Nesterov's, and L2 weight decay.
pub fn sgd(
    weights: &mut [f32],
    gradient: &[f32],
    velocity: &mut [f32],
    learning_rate: f64,
    weight_decay: f64,
) {
    let (rate, decay) = (learning_rate as f32, weight_decay as f32);
    for ((weight, &gradient), velocity) in weights.iter_mut().zip(gradient).zip(velocity) {
        *velocity = MOMENTUM * *velocity + (gradient + decay * *weight);
        *weight -= rate * *velocity;
    }
}

/// Whether no value is an infinity or a NaN; looks at all of them, which is faster than stopping.
#[must_use]
pub fn all_finite(values: &[f32]) -> bool {
    values
        .iter()
        .fold(true, |so_far, value| so_far & value.is_finite())
}
