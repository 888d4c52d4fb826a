//! How hard a core is worked: rests between slices, and longer ones while somebody else needs the
//! machine. Decides from what slices cost; it does not know the clock that measures them.

use serde::{Deserialize, Serialize};

/// How the volunteer wants the core to be worked.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pace {
    /// Share of the time that is worked, in percent; from 25 to 100.
    pub(crate) power_percent: u32,
    /// Whether to make room when the machine is busy.
    pub(crate) yields: bool,
    /// Whether the tab can't be seen: then it is the browser who slows it, and making room helps
    /// nobody.
    pub(crate) is_hidden: bool,
    /// Cores of this tab that train. They may share what they compute with, so when one begins or
    /// ends, the others' speed changes, and nobody else is to blame.
    pub(crate) training_cores: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            power_percent: 100,
            yields: false,
            is_hidden: false,
            training_cores: 1,
        }
    }
}

/// Why training is slower than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Slowdown {
    /// Something else needs the machine; training rests, and tries again by itself.
    Busy,
    /// The browser slows a tab that can't be seen.
    Hidden,
}

/// What a slice of training cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Images trained on.
    pub(crate) images: u32,
    /// Time that their steps took.
    pub(crate) stepping_millis: f64,
    /// Time that the whole slice took, scoring included.
    pub(crate) millis: f64,
}

/// Work on which a speed is measured: long enough for a scheduler's whims to even out.
const WINDOW_MILLIS: f64 = 1_000.0;
/// A trial's steps always take the same work. Below this share of its own best speed, somebody else
/// has the processor: fair schedulers leave a half, and so much is lost by nothing else.
const SLOW_SHARE: f64 = 0.7;
/// Slow windows in a row that count: one may be a page that was being drawn.
const SLOW_WINDOWS: u32 = 2;
/// Work with which a worker that made room looks whether it is needed still.
const PROBE_MILLIS: f64 = 300.0;
const FIRST_REST_MILLIS: f64 = 5_000.0;
const LONGEST_REST_MILLIS: f64 = 40_000.0;

/// The pace of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    pace: Pace,
    /// Images per millisecond of the best window; of this trial, because others cost other work.
    best: Option<f64>,
    window: Window,
    slow_windows: u32,
    pressure: Pressure,
}

/// Speed being measured.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    images: u32,
    millis: f64,
}

/// Whether somebody else needs the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Pressure {
    #[default]
    None,
    /// The browser slows the tab.
    Hidden,
    /// Training rests, in between it probes.
    Busy { rest_millis: f64 },
}

impl Pacer {
    /// Takes over another wish; whether a rest ends with it. It goes on when it is only that another
    /// core has begun or ended.
    pub(crate) fn change(&mut self, pace: Pace) -> bool {
        let pace = Pace {
            power_percent: pace.power_percent.clamp(25, 100),
            ..pace
        };
        let before = std::mem::replace(&mut self.pace, pace);
        let same_wish = Pace {
            training_cores: pace.training_cores,
            ..before
        } == pace;
        if !same_wish {
            self.forget_window();
        } else if before != pace && self.slowdown() != Some(Slowdown::Busy) {
            self.begin_trial();
        }
        !same_wish
    }

    /// Another trial begins: its speed is another.
    pub(crate) fn begin_trial(&mut self) {
        self.best = None;
        self.forget_window();
    }

    /// Why training is slower than it could be.
    pub(crate) fn slowdown(&self) -> Option<Slowdown> {
        match self.pressure {
            Pressure::None => None,
            Pressure::Hidden => Some(Slowdown::Hidden),
            Pressure::Busy { .. } => Some(Slowdown::Busy),
        }
    }

    /// How long to rest after a slice, in milliseconds.
    pub(crate) fn rest_millis(&mut self, cost: Cost) -> f64 {
        let is_judged = self.measure(cost);
        match self.pressure {
            Pressure::Busy { rest_millis } if is_judged => rest_millis,
            _ => cost.millis * (100.0 / f64::from(self.pace.power_percent) - 1.0),
        }
    }

    /// Adds a slice to the window; whether that was enough to judge by.
    fn measure(&mut self, cost: Cost) -> bool {
        self.window.images += cost.images;
        self.window.millis += cost.stepping_millis;
        let enough = match self.pressure {
            Pressure::Busy { .. } => PROBE_MILLIS,
            Pressure::None | Pressure::Hidden => WINDOW_MILLIS,
        };
        if self.window.millis < enough {
            return false;
        }
        let Window { images, millis } = std::mem::take(&mut self.window);
        self.judge(f64::from(images) / millis);
        true
    }

    fn judge(&mut self, speed: f64) {
        let best = self.best.map_or(speed, |best| best.max(speed));
        self.best = Some(best);
        if speed >= SLOW_SHARE * best {
            self.slow_windows = 0;
            self.pressure = Pressure::None;
            return;
        }
        self.slow_windows += 1;
        self.pressure = match self.pressure {
            Pressure::Busy { rest_millis } => Pressure::Busy {
                rest_millis: (2.0 * rest_millis).min(LONGEST_REST_MILLIS),
            },
            _ if self.slow_windows < SLOW_WINDOWS => self.pressure,
            _ if self.pace.is_hidden => Pressure::Hidden,
            _ if self.pace.yields => Pressure::Busy {
                rest_millis: FIRST_REST_MILLIS,
            },
            _ => Pressure::None,
        };
    }

    fn forget_window(&mut self) {
        self.window = Window::default();
        self.slow_windows = 0;
        self.pressure = Pressure::None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YIELDING: Pace = Pace {
        power_percent: 100,
        yields: true,
        is_hidden: false,
        training_cores: 1,
    };

    fn pacer(pace: Pace) -> Pacer {
        let mut pacer = Pacer::default();
        pacer.change(pace);
        pacer
    }

    /// A slice of 50 ms at so many images per second.
    fn slice(images_per_sec: u32) -> Cost {
        Cost {
            images: images_per_sec / 20,
            stepping_millis: 50.0,
            millis: 50.0,
        }
    }

    /// Rests after slices that take so much time together.
    fn work(pacer: &mut Pacer, millis: f64, images_per_sec: u32) -> Vec<f64> {
        let slices = (millis / 50.0) as u32;
        (0..slices)
            .map(|_| pacer.rest_millis(slice(images_per_sec)))
            .collect()
    }

    #[test]
    fn rests_are_what_power_leaves_over() {
        for (power_percent, rest) in [(100, 0.0), (50, 50.0), (25, 150.0), (80, 12.5), (1, 150.0)] {
            let mut pacer = pacer(Pace {
                power_percent,
                ..YIELDING
            });
            assert_eq!(pacer.rest_millis(slice(1_000)), rest, "{power_percent} %");
        }
    }

    #[test]
    fn makes_room_when_its_speed_halves_and_comes_back_when_it_recovers() {
        let mut pacer = pacer(YIELDING);
        assert_eq!(work(&mut pacer, 5_000.0, 1_000), [0.0; 100]);
        assert_eq!(pacer.slowdown(), None);
        let rests = work(&mut pacer, 2_000.0, 500);
        assert_eq!(rests.last(), Some(&FIRST_REST_MILLIS));
        assert_eq!(pacer.slowdown(), Some(Slowdown::Busy));
        let rests = work(&mut pacer, PROBE_MILLIS, 500);
        assert_eq!(rests.last(), Some(&(2.0 * FIRST_REST_MILLIS)));
        let rests = work(&mut pacer, PROBE_MILLIS, 950);
        assert_eq!(rests.last(), Some(&0.0));
        assert_eq!(pacer.slowdown(), None);
    }

    #[test]
    fn rests_grow_up_to_a_bound() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 1_000.0, 1_000);
        work(&mut pacer, 2_000.0, 400);
        let rests = work(&mut pacer, 10.0 * PROBE_MILLIS, 400);
        let longest = rests.into_iter().fold(0.0, f64::max);
        assert_eq!(longest, LONGEST_REST_MILLIS);
    }

    #[test]
    fn a_single_slow_moment_and_small_losses_are_nothing() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        work(&mut pacer, 1_000.0, 300);
        work(&mut pacer, 1_000.0, 1_000);
        work(&mut pacer, 1_000.0, 300);
        work(&mut pacer, 5_000.0, 750);
        assert_eq!(pacer.slowdown(), None);
    }

    #[test]
    fn another_trial_may_be_slower() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        pacer.begin_trial();
        work(&mut pacer, 3_000.0, 100);
        assert_eq!(pacer.slowdown(), None);
    }

    #[test]
    fn a_core_that_joins_slows_the_others_without_blame() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        pacer.change(Pace {
            training_cores: 2,
            ..YIELDING
        });
        work(&mut pacer, 5_000.0, 600);
        assert_eq!(pacer.slowdown(), None);
        work(&mut pacer, 2_000.0, 300);
        assert_eq!(pacer.slowdown(), Some(Slowdown::Busy));
    }

    #[test]
    fn a_rest_outlasts_a_core_that_joins() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        work(&mut pacer, 2_000.0, 300);
        pacer.change(Pace {
            training_cores: 2,
            ..YIELDING
        });
        assert_eq!(pacer.slowdown(), Some(Slowdown::Busy));
    }

    #[test]
    fn scoring_is_no_slow_training() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        let scoring = Cost {
            images: 0,
            stepping_millis: 0.0,
            millis: 50.0,
        };
        for _ in 0..100 {
            pacer.rest_millis(scoring);
        }
        assert_eq!(pacer.slowdown(), None);
    }

    #[test]
    fn who_does_not_yield_goes_on() {
        let mut pacer = pacer(Pace {
            yields: false,
            ..YIELDING
        });
        work(&mut pacer, 3_000.0, 1_000);
        let rests = work(&mut pacer, 5_000.0, 300);
        assert_eq!(rests, [0.0; 100]);
        assert_eq!(pacer.slowdown(), None);
    }

    #[test]
    fn a_hidden_tab_goes_on_and_says_who_slows_it() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        pacer.change(Pace {
            is_hidden: true,
            ..YIELDING
        });
        let rests = work(&mut pacer, 5_000.0, 300);
        assert_eq!(rests, [0.0; 100]);
        assert_eq!(pacer.slowdown(), Some(Slowdown::Hidden));
        pacer.change(YIELDING);
        assert_eq!(pacer.slowdown(), None);
    }

    #[test]
    fn another_wish_ends_a_rest() {
        let mut pacer = pacer(YIELDING);
        work(&mut pacer, 3_000.0, 1_000);
        work(&mut pacer, 2_000.0, 300);
        assert_eq!(pacer.slowdown(), Some(Slowdown::Busy));
        pacer.change(Pace {
            yields: false,
            ..YIELDING
        });
        assert_eq!(pacer.slowdown(), None);
    }
}
