//! Decides the learning rate of each step. It knows neither weights nor gradients.

use std::f64::consts::PI;

use crate::hyperparameters::ScheduleKind;

/// Share of the steps in which one-cycle warms up.
const WARM_UP: f64 = 0.2;
/// The highest rate over the first, of one-cycle.
const START_DIVISOR: f64 = 25.0;
/// The first rate over the last, of one-cycle.
const END_DIVISOR: f64 = 1e4;

/// The learning rates of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    kind: ScheduleKind,
    highest: f64,
    steps: u64,
}

impl Schedule {
    /// A schedule of `kind` that reaches `highest` in a training of `steps` steps.
    #[must_use]
    pub fn new(kind: ScheduleKind, highest: f64, steps: u64) -> Self {
        Self {
            kind,
            highest,
            steps,
        }
    }

    /// The learning rate of the step that `done` steps precede.
    #[must_use]
    pub fn learning_rate(&self, done: u64) -> f64 {
        match self.kind {
            ScheduleKind::Constant => self.highest,
            ScheduleKind::Cosine => anneal(self.highest, 0.0, done as f64 / self.steps as f64),
            ScheduleKind::OneCycle => self.one_cycle(done as f64),
        }
    }

    /// As PyTorch's `OneCycleLR` with cosine annealing (Smith and Topin, 2018), whose turning points
    /// are at `pct_start * steps - 1` and `steps - 1`.
    fn one_cycle(&self, done: f64) -> f64 {
        let start = self.highest / START_DIVISOR;
        let last_step = self.steps as f64 - 1.0;
        let top_step = WARM_UP * self.steps as f64 - 1.0;
        if done <= top_step && top_step > 0.0 {
            anneal(start, self.highest, done / top_step)
        } else {
            // So few steps that the warm-up has none: begin at the top.
            let top_step = top_step.max(0.0);
            let share = (done - top_step) / (last_step - top_step).max(1.0);
            anneal(self.highest, start / END_DIVISOR, share)
        }
    }
}

/// Half a cosine from `start` at 0 to `end` at 1.
fn anneal(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + libm::cos(PI * share))
}
