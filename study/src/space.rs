//! The search space: the hyper-parameters of a study, the values that each may take, and the
//! conditions under which a trial has it at all.

mod condition;
mod distribution;

use std::collections::BTreeMap;

use rand::Rng;
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Value};

pub use self::{
    condition::{ConditionError, Conditions},
    distribution::{Choices, Distribution, FloatRange, IntRange, SpaceError},
};

/// One hyper-parameter of a space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The values it may take.
    #[serde(flatten)]
    pub distribution: Distribution,
    /// When a trial has it; always, where there are no conditions.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub when: Conditions,
}

impl From<Distribution> for Parameter {
    fn from(distribution: Distribution) -> Self {
        Self {
            distribution,
            when: Conditions::default(),
        }
    }
}

/// The hyper-parameters of a study by name. Conditions name others of the same space, with values
/// that these can have, and never lead back to where they began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, Parameter>",
    into = "BTreeMap<String, Parameter>"
)]
pub struct Space(BTreeMap<String, Parameter>);

impl TryFrom<BTreeMap<String, Parameter>> for Space {
    type Error = ConditionError;

    fn try_from(parameters: BTreeMap<String, Parameter>) -> Result<Self, ConditionError> {
        condition::check(&parameters)?;
        Ok(Self(parameters))
    }
}

impl From<Space> for BTreeMap<String, Parameter> {
    fn from(space: Space) -> Self {
        space.0
    }
}

/// Hyper-parameters that every trial has.
impl FromIterator<(String, Distribution)> for Space {
    fn from_iter<I: IntoIterator<Item = (String, Distribution)>>(distributions: I) -> Self {
        let parameters = distributions.into_iter();
        Self(parameters.map(|(name, of)| (name, of.into())).collect())
    }
}

/// A hyper-parameter of a setting that the setting's own values rule out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{name}` is only there with {when}")]
pub struct InactiveError {
    /// The hyper-parameter.
    pub name: String,
    /// What it asks for.
    pub when: Conditions,
}

impl Space {
    /// Names and the values that they may take, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Distribution)> {
        self.0
            .iter()
            .map(|(name, parameter)| (name, &parameter.distribution))
    }

    /// Names with all that is said of them, in order.
    pub fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.0
    }

    /// The values that a hyper-parameter may take.
    pub fn distribution(&self, name: &str) -> Option<&Distribution> {
        self.0.get(name).map(|parameter| &parameter.distribution)
    }

    /// Whether a trial with this setting has the hyper-parameter: its conditions hold, and those of
    /// the hyper-parameters that they name.
    pub fn is_active(&self, name: &str, setting: &Parameters) -> bool {
        let holds = |(parent, values): (&String, &[Value])| {
            let value = setting.get(parent);
            value.is_some_and(|value| values.contains(value)) && self.is_active(parent, setting)
        };
        let parameter = self.0.get(name);
        parameter.is_some_and(|parameter| parameter.when.iter().all(holds))
    }

    /// Whether others depend on the hyper-parameter.
    pub(crate) fn decides(&self, name: &str) -> bool {
        let depends =
            |parameter: &Parameter| parameter.when.iter().any(|(parent, _)| parent == name);
        self.0.values().any(depends)
    }

    /// Over how many others the hyper-parameter depends on one that depends on nothing.
    pub(crate) fn depth(&self, name: &str) -> u32 {
        let conditions = self.0.get(name).into_iter();
        let parents = conditions.flat_map(|parameter| parameter.when.iter());
        parents
            .map(|(parent, _)| 1 + self.depth(parent))
            .max()
            .unwrap_or(0)
    }

    /// The setting without what its own values rule out.
    #[must_use]
    pub fn active(&self, mut setting: Parameters) -> Parameters {
        let ruled_out: Vec<&String> = self
            .0
            .iter()
            .filter(|(name, parameter)| {
                !parameter.when.is_empty() && !self.is_active(name, &setting)
            })
            .map(|(name, _)| name)
            .collect();
        for name in ruled_out {
            setting.remove(name);
        }
        setting
    }

    /// The space whose trials all have these values.
    #[must_use]
    pub fn pinned(&self, own: &Parameters) -> Self {
        let mut pinned = self.clone();
        for (name, value) in own {
            if let Some(parameter) = pinned.0.get_mut(name) {
                let value = value.clone();
                parameter.distribution = Distribution::Fixed { value };
            }
        }
        pinned
    }

    /// Whether every trial that has the values of `own` has all hyper-parameters that it names.
    ///
    /// # Errors
    /// The first that a trial might be without.
    pub fn check_own(&self, own: &Parameters) -> Result<(), InactiveError> {
        let mut known = own.clone();
        for (name, distribution) in self.iter() {
            if let Distribution::Fixed { value } = distribution {
                known.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        let parameters = own.keys().filter_map(|name| self.0.get_key_value(name));
        for (name, parameter) in parameters {
            if !self.is_active(name, &known) {
                return Err(InactiveError {
                    name: name.clone(),
                    when: parameter.when.clone(),
                });
            }
        }
        Ok(())
    }

    /// One setting, drawn from `rng` in the order of the names, also for those that it will be
    /// without: a condition changes nothing about the others.
    pub fn sample(&self, rng: &mut impl Rng) -> Parameters {
        let values = self
            .iter()
            .map(|(name, distribution)| (name.clone(), distribution.sample(rng)));
        self.active(values.collect())
    }

    /// Names of the hyper-parameters that may differ from trial to trial, sorted.
    pub fn swept(&self) -> impl Iterator<Item = &str> {
        let swept = self
            .iter()
            .filter(|(_, distribution)| !matches!(distribution, Distribution::Fixed { .. }));
        swept.map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn parameter(json: &str) -> Parameter {
        serde_json::from_str(json).unwrap()
    }

    /// `a` decides about `b`, and `b` about `c`.
    fn nested() -> Space {
        let parameters = [
            ("a", r#"{"type": "categorical", "choices": ["x", "y"]}"#),
            (
                "b",
                r#"{"type": "int", "low": 1, "high": 3, "step": 1, "log": false, "when": {"a": ["x"]}}"#,
            ),
            (
                "c",
                r#"{"type": "float", "low": 0.0, "high": 1.0, "log": false, "when": {"b": [2, 3]}}"#,
            ),
        ];
        let parameters = parameters.map(|(name, json)| (name.to_owned(), parameter(json)));
        Space::try_from(BTreeMap::from(parameters)).unwrap()
    }

    fn setting(json: &str) -> Parameters {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_setting_keeps_what_its_values_allow() {
        let cases = [
            (
                r#"{"a": "x", "b": 2, "c": 0.5}"#,
                r#"{"a": "x", "b": 2, "c": 0.5}"#,
            ),
            (r#"{"a": "x", "b": 1, "c": 0.5}"#, r#"{"a": "x", "b": 1}"#),
            (r#"{"a": "y", "b": 2, "c": 0.5}"#, r#"{"a": "y"}"#),
            (r#"{"a": "y", "c": 0.5}"#, r#"{"a": "y"}"#),
        ];
        for (whole, active) in cases {
            assert_eq!(nested().active(setting(whole)), setting(active));
        }
    }

    #[test]
    fn an_own_setting_names_what_its_hyperparameters_depend_on() {
        let check = |own| nested().check_own(&setting(own));
        assert_eq!(check(r#"{"a": "x", "b": 2, "c": 0.5}"#), Ok(()));
        assert_eq!(check(r#"{"a": "y"}"#), Ok(()));
        let refusal = check(r#"{"a": "y", "b": 2}"#).unwrap_err().to_string();
        assert_eq!(refusal, "`b` is only there with a = x");
        let refusal = check(r#"{"b": 2}"#).unwrap_err().to_string();
        assert_eq!(refusal, "`b` is only there with a = x");
        let refusal = check(r#"{"a": "x", "c": 0.5}"#).unwrap_err().to_string();
        assert_eq!(refusal, "`c` is only there with b = 2 or 3");
    }

    #[test]
    fn a_pinned_space_has_what_its_values_allow() {
        let pinned = nested().pinned(&setting(r#"{"a": "y"}"#));
        let mut rng = rand_chacha::ChaCha8Rng::from_seed([7; 32]);
        assert_eq!(pinned.sample(&mut rng), setting(r#"{"a": "y"}"#));
    }

    #[test]
    fn spaces_survive_a_round_trip_through_json() {
        let json = serde_json::to_string(&nested()).unwrap();
        assert_eq!(serde_json::from_str::<Space>(&json).unwrap(), nested());
        let from_before = r#"{"x": {"type": "float", "low": 0.0, "high": 1.0, "log": true}}"#;
        let space: Space = serde_json::from_str(from_before).unwrap();
        assert!(space.parameters()["x"].when.is_empty());
    }
}
