//! A study: what is searched, where, how, and how far.

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Seed, TrialNumber};

use crate::{History, SamplerKind, Space, sampler};

/// What a study wants of its trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Share of the validation images classified rightly.
    #[default]
    ValidationAccuracy,
}

/// Where a study stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyState {
    /// It hands out trials.
    Running,
    /// All its trials have ended.
    Finished,
}

/// What an operator defined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// For people.
    pub name: String,
    /// Name of the data set.
    pub dataset: String,
    /// What is maximised.
    pub objective: Objective,
    /// Budget: how many trials.
    pub trials: u32,
    /// Where suggestions and training seeds come from.
    pub seed: Seed,
    /// Who suggests.
    pub sampler: SamplerKind,
    /// Settings of the operator's own; the first trials take them, what they leave out is sampled.
    pub enqueued: Vec<Parameters>,
    /// What is searched.
    pub space: Space,
}

impl Study {
    /// The setting of trial `number`: the operator's where one is enqueued, else the sampler's.
    pub fn suggest(&self, history: History<'_>, number: TrialNumber) -> Parameters {
        let mut setting = sampler(self.sampler).suggest(&self.space, history, self.seed, number);
        if let Some(enqueued) = self.enqueued.get(number.0 as usize) {
            setting.extend(enqueued.clone());
        }
        setting
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::Value;

    use super::*;
    use crate::Distribution;

    #[test]
    fn enqueued_settings_come_first_and_are_completed_from_the_space() {
        let fixed = |value| Distribution::Fixed {
            value: Value::Int(value),
        };
        let study = Study {
            name: "s".into(),
            dataset: "mnist".into(),
            objective: Objective::default(),
            trials: 2,
            seed: Seed(1),
            sampler: SamplerKind::Random,
            enqueued: vec![[("a".to_owned(), Value::Int(9))].into()],
            space: Space([("a".to_owned(), fixed(1)), ("b".to_owned(), fixed(2))].into()),
        };
        let setting = |number| study.suggest(History::default(), TrialNumber(number));
        assert_eq!(setting(0)["a"], Value::Int(9));
        assert_eq!(setting(0)["b"], Value::Int(2));
        assert_eq!(setting(1)["a"], Value::Int(1));
    }
}
