//! Every combination once: each trial has its own place in the grid, whoever asks for it and when.

use std::ops::ControlFlow;

use rand::Rng;
use tabsweep_protocol::{Parameters, Seed, TrialNumber, Value};

use super::{History, Purpose, RandomSampler, Sampler, permutation::Permutation, stream};
use crate::Space;

/// Most settings of a grid, so that it can be counted while somebody waits.
const MOST_SETTINGS: u64 = 1_000_000;

/// Why a space has no grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// Between two real numbers there are others.
    #[error("a grid needs `points` for `{name}`: how many of its real numbers are tried")]
    NoPoints {
        /// The hyper-parameter.
        name: String,
    },
    /// Nobody would see the end of it.
    #[error("the grid has more than {most} settings; `points` makes a range coarser")]
    TooLarge {
        /// How many there may be.
        most: u64,
    },
}

/// The values that a grid takes of one hyper-parameter.
#[derive(Clone, Debug, PartialEq)]
struct Axis<'a> {
    name: &'a String,
    values: Vec<Value>,
}

/// The settings of a space, each once: of what a setting is without, no value is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid<'a> {
    space: &'a Space,
    /// Hyper-parameters that others depend on; nothing depends on those after it.
    deciding: Vec<Axis<'a>>,
    others: Vec<Axis<'a>>,
    size: u32,
}

impl<'a> Grid<'a> {
    /// The grid of a space.
    ///
    /// # Errors
    /// A range of real numbers does not say how many to try, or there would be too many settings.
    pub fn new(space: &'a Space) -> Result<Self, GridError> {
        let (mut deciding, mut others) = (Vec::new(), Vec::new());
        for (name, distribution) in space.iter() {
            let values = distribution.grid_values();
            let values = values.ok_or_else(|| GridError::NoPoints { name: name.clone() })?;
            let axes = match space.decides(name) {
                true => &mut deciding,
                false => &mut others,
            };
            axes.push(Axis { name, values });
        }
        deciding.sort_by_key(|axis| space.depth(axis.name));
        let size = 0;
        let grid = Self {
            space,
            deciding,
            others,
            size,
        };
        let size = grid.count()?;
        Ok(Self { size, ..grid })
    }

    /// How many settings it has.
    pub fn size(&self) -> u32 {
        self.size
    }

    fn count(&self) -> Result<u32, GridError> {
        let mut size = 0_u64;
        let too_large = self.walk(&mut Parameters::new(), 0, &mut |_, count| {
            size = size.saturating_add(count);
            match size {
                ..=MOST_SETTINGS => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
        match u32::try_from(size) {
            Ok(size) if too_large.is_continue() => Ok(size),
            _ => Err(GridError::TooLarge {
                most: MOST_SETTINGS,
            }),
        }
    }

    /// The setting at a place from 0 to below the size; beyond that, none.
    fn setting(&self, place: u32) -> Option<Parameters> {
        let mut left = u64::from(place);
        let found = self.walk(&mut Parameters::new(), 0, &mut |decided, count| {
            if left < count {
                return ControlFlow::Break(self.completed(decided.clone(), left));
            }
            left -= count;
            ControlFlow::Continue(())
        });
        found.break_value()
    }

    /// Visits the combinations of the deciding values, each with the number of settings that have it.
    fn walk<T>(
        &self,
        decided: &mut Parameters,
        depth: usize,
        visit: &mut impl FnMut(&Parameters, u64) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        let Some(axis) = self.deciding.get(depth) else {
            let counts = self.varied(decided).map(|axis| axis.values.len() as u64);
            return visit(decided, counts.fold(1, u64::saturating_mul));
        };
        if !self.space.is_active(axis.name, decided) {
            return self.walk(decided, depth + 1, visit);
        }
        for value in &axis.values {
            decided.insert(axis.name.clone(), value.clone());
            self.walk(decided, depth + 1, visit)?;
        }
        decided.remove(axis.name);
        ControlFlow::Continue(())
    }

    /// The axes that settings with these deciding values have beside them.
    fn varied(&self, decided: &Parameters) -> impl Iterator<Item = &Axis<'a>> {
        let axes = self.others.iter();
        axes.filter(|axis| self.space.is_active(axis.name, decided))
    }

    fn completed(&self, decided: Parameters, mut place: u64) -> Parameters {
        let mut setting = decided.clone();
        for axis in self.varied(&decided) {
            let count = axis.values.len() as u64;
            let value = axis.values[(place % count) as usize].clone();
            setting.insert(axis.name.clone(), value);
            place /= count;
        }
        setting
    }
}

/// The settings of a [`Grid`] in an order drawn by the study's seed, so that the first ones already lie
/// all over it. Beyond its end, and where a space has none, settings are drawn at random.
#[derive(Clone, Copy, Debug)]
pub struct GridSampler;

impl Sampler for GridSampler {
    fn reads_history(&self) -> bool {
        false
    }

    /// `number` is a place in that order: trials with settings of the operator's own take none.
    fn suggest(
        &self,
        space: &Space,
        history: History<'_>,
        seed: Seed,
        number: TrialNumber,
    ) -> Parameters {
        let order = stream(seed, TrialNumber(0), Purpose::Setting).next_u64();
        let setting = Grid::new(space).ok().and_then(|grid| {
            let place = Permutation::new(grid.size(), order).at(number.0)?;
            grid.setting(place)
        });
        setting.unwrap_or_else(|| RandomSampler.suggest(space, history, seed, number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Distribution, FloatRange, Parameter, Timeline};

    fn space(parameters: &[(&str, &str)]) -> Space {
        let parameter = |(name, json): &(&str, &str)| {
            let parameter: Parameter = serde_json::from_str(json).unwrap();
            ((*name).to_owned(), parameter)
        };
        let parameters: BTreeMap<_, _> = parameters.iter().map(parameter).collect();
        Space::try_from(parameters).unwrap()
    }

    const MOMENTUM: (&str, &str) = (
        "momentum",
        r#"{"type": "float", "low": 0.0, "high": 1.0, "log": false, "points": 3, "when": {"optimizer": ["sgd"]}}"#,
    );
    const NESTEROV: (&str, &str) = (
        "a_nesterov",
        r#"{"type": "categorical", "choices": [false, true], "when": {"optimizer": ["sgd"]}}"#,
    );
    const DAMPENING: (&str, &str) = (
        "dampening",
        r#"{"type": "int", "low": 0, "high": 4, "step": 2, "log": false, "when": {"a_nesterov": [false]}}"#,
    );
    const OPTIMIZER: (&str, &str) = (
        "optimizer",
        r#"{"type": "categorical", "choices": ["adamw", "sgd"]}"#,
    );
    const EPOCHS: (&str, &str) = ("epochs", r#"{"type": "fixed", "value": 2}"#);

    #[test]
    fn every_setting_comes_once() {
        let space = space(&[MOMENTUM, NESTEROV, DAMPENING, OPTIMIZER, EPOCHS]);
        // AdamW has one; SGD has three momenta, with Nesterov's one or three dampenings.
        let grid = Grid::new(&space).unwrap();
        assert_eq!(grid.size(), 1 + 3 * (1 + 3));
        let timeline = Timeline::new(crate::Objective::default());
        let suggest = |number| {
            let history = timeline.history();
            GridSampler.suggest(&space, history, Seed(7), TrialNumber(number))
        };
        let settings: Vec<Parameters> = (0..grid.size()).map(suggest).collect();
        for (place, setting) in settings.iter().enumerate() {
            assert!(!settings[..place].contains(setting), "{setting:?} twice");
            assert_eq!(space.active(setting.clone()), *setting);
            assert_eq!(setting["epochs"], Value::Int(2));
        }
        assert!(settings[..4].iter().any(|s| s.contains_key("dampening")));
    }

    #[test]
    fn the_order_is_the_seeds() {
        let space = space(&[MOMENTUM, OPTIMIZER]);
        let timeline = Timeline::new(crate::Objective::default());
        let order = |seed| -> Vec<Parameters> {
            let suggest = |number| {
                GridSampler.suggest(&space, timeline.history(), Seed(seed), TrialNumber(number))
            };
            (0..4).map(suggest).collect()
        };
        assert_eq!(order(1), order(1));
        assert!((2..6).any(|seed| order(seed) != order(1)));
    }

    #[test]
    fn grids_that_can_not_be_walked_can_not_be_built() {
        let range = FloatRange::new(0.0, 1.0, false).unwrap();
        let real = Space::from_iter([("x".to_owned(), Distribution::Float(range))]);
        let error = Grid::new(&real).unwrap_err();
        assert_eq!(error, GridError::NoPoints { name: "x".into() });
        let hundred = Distribution::Float(range.with_points(101).unwrap());
        let large =
            Space::from_iter(["x", "y", "z"].map(|name| (name.to_owned(), hundred.clone())));
        assert!(matches!(Grid::new(&large), Err(GridError::TooLarge { .. })));
    }
}
