//! What a worker may say and how often: figures that no training has, and floods, end the socket.

use std::time::Instant;

use tabsweep_protocol::{
    Epoch,
    limits::{BURST_MESSAGES, MESSAGES_PER_SEC, close},
};

use super::End;

/// Numbers that no training reaches: 1000 epochs of a million images, one at a time.
const MOST_STEPS: u64 = 1_000_000_000;
const MOST_EPOCHS: u32 = 1000;

pub(super) fn check_step(step: u64) -> Result<(), End> {
    if step <= MOST_STEPS {
        return Ok(());
    }
    let reason = format!("`step` is {step}, at most {MOST_STEPS} is taken");
    Err(End::close(close::MALFORMED, reason))
}

/// JSON has no infinities, but numbers that are none in 32 bits.
pub(super) fn check_figures(figures: &[f32]) -> Result<(), End> {
    if figures.iter().all(|figure| figure.is_finite()) {
        return Ok(());
    }
    let reason = "a report's figures are out of range";
    Err(End::close(close::MALFORMED, reason))
}

pub(super) fn check_epoch(epoch: &Epoch) -> Result<(), End> {
    check_step(epoch.step)?;
    let is_sound = (1..=MOST_EPOCHS).contains(&epoch.epoch)
        && epoch.validation_correct <= epoch.validation_count
        && epoch.mean_loss.is_finite();
    if is_sound {
        return Ok(());
    }
    Err(End::close(
        close::MALFORMED,
        "an epoch's figures are out of range",
    ))
}

/// A token bucket for messages.
#[derive(Debug)]
pub(super) struct Rate {
    left: f64,
    counted: Instant,
}

impl Rate {
    pub(super) fn full() -> Self {
        Self {
            left: BURST_MESSAGES,
            counted: Instant::now(),
        }
    }

    pub(super) fn take(&mut self) -> Result<(), End> {
        let passed_secs = self.counted.elapsed().as_secs_f64();
        self.counted = Instant::now();
        self.left = (self.left + passed_secs * MESSAGES_PER_SEC).min(BURST_MESSAGES) - 1.0;
        if self.left < 0.0 {
            let reason = format!("more than {MESSAGES_PER_SEC} messages per second");
            return Err(End::close(close::POLICY, reason));
        }
        Ok(())
    }
}
