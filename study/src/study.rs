//! A study: what is searched, where, how, and how far.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Seed, TrialNumber};

use crate::{Grid, History, Objective, Pruner, SamplerKind, Space, Trial, sampler};

/// Where a study stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyState {
    /// It hands out trials.
    Running,
    /// An operator holds it: trials under way go on, no other begins.
    Paused,
    /// Its budget is used up, or an operator has ended it.
    Finished,
}

/// How far a study goes; whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// How many settings are tried.
    pub trials: u32,
    /// Seconds from its creation until no trial begins any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_secs: Option<u32>,
    /// The verified score that is good enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_score: Option<f64>,
}

/// What an operator changes of a study that exists; what is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// See [`Budget::trials`].
    pub trials: Option<u32>,
    /// See [`Budget::wall_secs`].
    pub wall_secs: Option<u32>,
    /// See [`Budget::target_score`].
    pub target_score: Option<f64>,
    /// See [`Study::weight`].
    pub weight: Option<f64>,
}

/// What an operator defined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// For people.
    pub name: String,
    /// Name of the data set.
    pub dataset: String,
    /// What ranks its trials.
    pub objective: Objective,
    /// How far it goes.
    #[serde(flatten)]
    pub budget: Budget,
    /// Its share of the workers beside other studies that run, in proportion to theirs; above 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// Where suggestions and training seeds come from.
    pub seed: Seed,
    /// Who suggests.
    pub sampler: SamplerKind,
    /// Who stops trials early.
    #[serde(default)]
    pub pruner: Pruner,
    /// Settings of the operator's own; the first trials take them, what they leave out is sampled.
    pub enqueued: Vec<Parameters>,
    /// Trials after those that took settings of the operator's own, as far as the sampler counts them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub own: BTreeSet<TrialNumber>,
    /// What is searched.
    pub space: Space,
}

fn one() -> f64 {
    1.0
}

impl Study {
    /// The same study with another budget or weight.
    #[must_use]
    pub fn extended(mut self, extension: Extension) -> Self {
        let Budget {
            trials,
            wall_secs,
            target_score,
        } = self.budget;
        let most = self.most_trials().unwrap_or(u32::MAX);
        self.budget = Budget {
            trials: extension.trials.unwrap_or(trials).min(most),
            wall_secs: extension.wall_secs.or(wall_secs),
            target_score: extension.target_score.or(target_score),
        };
        self.weight = extension.weight.unwrap_or(self.weight);
        self
    }

    /// The same study after trial `number` took a setting of the operator's own. A budget that is used
    /// up grows by one, and so does one that was the whole of a grid.
    #[must_use]
    pub fn with_own(mut self, number: TrialNumber) -> Self {
        let is_whole = self.most_trials() == Some(self.budget.trials);
        if is_whole || number.0 >= self.budget.trials {
            self.budget.trials += 1;
        }
        if self.sampler == SamplerKind::Grid {
            self.own.insert(number);
        }
        self
    }

    /// How many trials there can be: all settings of a grid, and the operator's own.
    pub fn most_trials(&self) -> Option<u32> {
        if self.sampler != SamplerKind::Grid {
            return None;
        }
        let size = Grid::new(&self.space).ok()?.size();
        let own = self.enqueued.len() + self.own.len();
        Some(size.saturating_add(u32::try_from(own).unwrap_or(u32::MAX)))
    }

    /// The setting of trial `number`: the operator's where one is enqueued, else the sampler's.
    pub fn suggest(&self, history: History<'_>, number: TrialNumber) -> Parameters {
        let own = self.enqueued.get(number.0 as usize);
        self.complete(own.unwrap_or(&Parameters::new()), history, number)
    }

    /// A setting of the operator's own for trial `number`, with the sampler's choice of what it leaves
    /// out, and without what it rules out.
    pub fn complete(
        &self,
        own: &Parameters,
        history: History<'_>,
        number: TrialNumber,
    ) -> Parameters {
        let number = match self.sampler {
            SamplerKind::Grid => self.place(number),
            _ => number,
        };
        let sampler = sampler(self.sampler);
        if own.is_empty() {
            return sampler.suggest(&self.space, history, self.seed, number);
        }
        sampler.suggest(&self.space.pinned(own), history, self.seed, number)
    }

    /// How many settings the sampler chose before trial `number`.
    fn place(&self, number: TrialNumber) -> TrialNumber {
        let own = self.enqueued.len() + self.own.range(..number).count();
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        TrialNumber(number.0.saturating_sub(own))
    }

    /// Epochs after which a new trial rests first. The operator's own are trained to their end.
    pub fn stops_at(&self, number: TrialNumber) -> Option<u32> {
        if (number.0 as usize) < self.enqueued.len() {
            return None;
        }
        self.pruner.stops_at(number, 0)
    }

    /// Epochs after which a trial rests first when it begins anew: as at its first beginning.
    pub fn first_stop(&self, trial: &Trial) -> Option<u32> {
        let is_own = trial.rungs == 0 && trial.stops_at.is_none();
        if is_own {
            None
        } else {
            self.pruner.stops_at(trial.number, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::Value;

    use super::*;
    use crate::{Distribution, Timeline};

    #[test]
    fn enqueued_settings_come_first_and_are_completed_from_the_space() {
        let fixed = |value| Distribution::Fixed {
            value: Value::Int(value),
        };
        let study = Study {
            name: "s".into(),
            dataset: "mnist".into(),
            objective: Objective::default(),
            budget: Budget {
                trials: 2,
                wall_secs: None,
                target_score: None,
            },
            weight: 1.0,
            seed: Seed(1),
            sampler: SamplerKind::Random,
            pruner: Pruner::None,
            enqueued: vec![[("a".to_owned(), Value::Int(9))].into()],
            own: BTreeSet::new(),
            space: Space::from_iter([("a".to_owned(), fixed(1)), ("b".to_owned(), fixed(2))]),
        };
        let timeline = Timeline::new(study.objective);
        let setting = |number| study.suggest(timeline.history(), TrialNumber(number));
        assert_eq!(setting(0)["a"], Value::Int(9));
        assert_eq!(setting(0)["b"], Value::Int(2));
        assert_eq!(setting(1)["a"], Value::Int(1));
    }

    fn grid(trials: u32) -> Study {
        let json = serde_json::json!({
            "name": "s", "dataset": "mnist", "objective": "validation_accuracy", "trials": trials,
            "seed": "3", "sampler": "grid", "enqueued": [{ "optimizer": "sgd", "momentum": 0.9 }],
            "space": {
                "optimizer": { "type": "categorical", "choices": ["adamw", "sgd"] },
                "momentum": {
                    "type": "float", "low": 0.0, "high": 0.9, "log": false, "points": 7,
                    "when": { "optimizer": ["sgd"] }
                },
                "epochs": { "type": "int", "low": 1, "high": 5, "step": 1, "log": false }
            }
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_grid_comes_whole_whoever_asks_and_whatever_is_enqueued() {
        let mut study = grid(41);
        let timeline = Timeline::new(study.objective);
        assert_eq!(study.most_trials(), Some(5 * (1 + 7) + 1));
        let mut settings: Vec<Parameters> = Vec::new();
        let mut number = 1;
        while number < study.budget.trials {
            if number == 17 {
                study = study.with_own(TrialNumber(number));
            } else {
                // As another process would read it.
                let stored = serde_json::to_string(&study).unwrap();
                let study: Study = serde_json::from_str(&stored).unwrap();
                let setting = study.suggest(timeline.history(), TrialNumber(number));
                assert!(!settings.contains(&setting), "{setting:?} twice");
                settings.push(setting);
            }
            number += 1;
        }
        assert_eq!(settings.len(), 40);
        let extension = Extension {
            trials: Some(1000),
            ..Extension::default()
        };
        assert_eq!(study.extended(extension).budget.trials, 42);
    }
}
