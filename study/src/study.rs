//! A study: what is searched, where, how, and how far.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Seed, TrialNumber};

use crate::{History, Objective, Pruner, SamplerKind, Space, Trial, sampler};

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
        self.budget = Budget {
            trials: extension.trials.unwrap_or(trials),
            wall_secs: extension.wall_secs.or(wall_secs),
            target_score: extension.target_score.or(target_score),
        };
        self.weight = extension.weight.unwrap_or(self.weight);
        self
    }

    /// The setting of trial `number`: the operator's where one is enqueued, else the sampler's.
    pub fn suggest(&self, history: History<'_>, number: TrialNumber) -> Parameters {
        let own = self.enqueued.get(number.0 as usize);
        self.complete(own.unwrap_or(&Parameters::new()), history, number)
    }

    /// A setting of the operator's own for trial `number`, with the sampler's choice of what it leaves
    /// out.
    pub fn complete(
        &self,
        own: &Parameters,
        history: History<'_>,
        number: TrialNumber,
    ) -> Parameters {
        let mut setting = sampler(self.sampler).suggest(&self.space, history, self.seed, number);
        setting.extend(own.clone());
        setting
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
            space: Space([("a".to_owned(), fixed(1)), ("b".to_owned(), fixed(2))].into()),
        };
        let timeline = Timeline::new(study.objective);
        let setting = |number| study.suggest(timeline.history(), TrialNumber(number));
        assert_eq!(setting(0)["a"], Value::Int(9));
        assert_eq!(setting(0)["b"], Value::Int(2));
        assert_eq!(setting(1)["a"], Value::Int(1));
    }
}
