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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ScheduleKind, golden: &[(u64, f64)]) {
        let schedule = Schedule::new(kind, 0.01, 50);
        for &(done, expected) in golden {
            let found = schedule.learning_rate(done);
            assert!(
                (found - expected).abs() < 1e-15,
                "{found} after {done} is not {expected}"
            );
        }
    }

    /// PyTorch 2.15: `optimizer = AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)`, then
    /// `OneCycleLR(optimizer, 0.01, total_steps=50, pct_start=0.2, cycle_momentum=False)` and
    /// `optimizer.param_groups[0]["lr"]` before each of 50 × `optimizer.step(); scheduler.step()`.
    #[test]
    fn one_cycle_is_as_pytorchs() {
        let golden = [
            (0, 0.000_399_999_999_999_999_3),
            (1, 0.000_689_475_420_227_639_3),
            (5, 0.006_033_511_252_801_265),
            (9, 0.01),
            (10, 0.009_984_586_730_318_965),
            (25, 0.006_545_098_791_534_85),
            (48, 1.545_326_968_103_484_4e-5),
            (49, 4e-8),
        ];
        check(ScheduleKind::OneCycle, &golden);
    }

    /// As above with `CosineAnnealingLR(optimizer, T_max=50)`.
    #[test]
    fn cosine_is_as_pytorchs() {
        let golden = [
            (0, 0.01),
            (1, 0.009_990_133_642_141_357),
            (25, 0.005),
            (49, 9.866_357_858_642_208e-6),
        ];
        check(ScheduleKind::Cosine, &golden);
    }

    #[test]
    fn constant_stays() {
        check(ScheduleKind::Constant, &[(0, 0.01), (49, 0.01)]);
    }

    #[test]
    fn trainings_too_short_for_a_warm_up_begin_at_the_top() {
        for steps in 1..=5 {
            let schedule = Schedule::new(ScheduleKind::OneCycle, 0.01, steps);
            assert_eq!(schedule.learning_rate(0), 0.01);
            let rates = (0..steps).map(|done| schedule.learning_rate(done));
            assert!(rates.is_sorted_by(|earlier, later| earlier > later));
        }
    }
}
