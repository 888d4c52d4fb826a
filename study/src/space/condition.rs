//! When a trial has a hyper-parameter: only beside certain values of others. What depends on a
//! hyper-parameter that does not exist, on a value that it can't have, or on itself, can't be built.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use tabsweep_protocol::Value;

use super::{Distribution, Parameter};

/// Of each hyper-parameter that is named, a trial must have one of these values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Conditions(BTreeMap<String, Vec<Value>>);

impl Conditions {
    /// Values by the name of the hyper-parameter that must have one of them.
    pub fn new(values: BTreeMap<String, Vec<Value>>) -> Self {
        Self(values)
    }

    /// Whether every trial meets them.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &[Value])> {
        self.0.iter().map(|(name, values)| (name, &values[..]))
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[Value]| {
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            values.join(" or ")
        };
        let all: Vec<String> = self
            .iter()
            .map(|(name, values)| format!("{name} = {}", list(values)))
            .collect();
        f.write_str(&all.join(" and "))
    }
}

/// Why a hyper-parameter can't depend on another.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionError {
    /// There is no such hyper-parameter.
    #[error("`{name}` depends on `{parent}`, which is not in the space")]
    UnknownParent {
        /// Which depends.
        name: String,
        /// On which.
        parent: String,
    },
    /// Two real numbers are never quite equal.
    #[error(
        "`{name}` can't depend on `{parent}`, a real number; choices and whole numbers will do"
    )]
    RealParent {
        /// Which depends.
        name: String,
        /// On which.
        parent: String,
    },
    /// No trial would have it.
    #[error("`{name}` depends on no value of `{parent}`; name one at least")]
    NoValue {
        /// Which depends.
        name: String,
        /// On which.
        parent: String,
    },
    /// No trial has this value.
    #[error("`{name}` depends on `{parent}` = {value}, which no trial can have")]
    Value {
        /// Which depends.
        name: String,
        /// On which.
        parent: String,
        /// On which value of it.
        value: Value,
    },
    /// What it depends on depends on it.
    #[error("`{name}` depends on itself, by way of `{parent}`")]
    Cycle {
        /// Which depends.
        name: String,
        /// On which.
        parent: String,
    },
}

impl ConditionError {
    /// The hyper-parameter whose condition it is.
    pub fn name(&self) -> &str {
        match self {
            Self::UnknownParent { name, .. }
            | Self::RealParent { name, .. }
            | Self::NoValue { name, .. }
            | Self::Value { name, .. }
            | Self::Cycle { name, .. } => name,
        }
    }
}

/// Whether all conditions can be met, each for itself.
pub(super) fn check(parameters: &BTreeMap<String, Parameter>) -> Result<(), ConditionError> {
    for (name, parameter) in parameters {
        for (parent, values) in parameter.when.iter() {
            check_values(name, parent, values, parameters)?;
            if leads_to(parent, name, parameters, &mut Vec::new()) {
                let (name, parent) = (name.clone(), parent.clone());
                return Err(ConditionError::Cycle { name, parent });
            }
        }
    }
    Ok(())
}

fn check_values(
    name: &str,
    parent: &str,
    values: &[Value],
    parameters: &BTreeMap<String, Parameter>,
) -> Result<(), ConditionError> {
    let (name, parent) = (name.to_owned(), parent.to_owned());
    let Some(known) = parameters.get(&parent) else {
        return Err(ConditionError::UnknownParent { name, parent });
    };
    if matches!(known.distribution, Distribution::Float(_)) {
        return Err(ConditionError::RealParent { name, parent });
    }
    if values.is_empty() {
        return Err(ConditionError::NoValue { name, parent });
    }
    let impossible = values
        .iter()
        .find(|value| !known.distribution.contains(value));
    impossible.cloned().map_or(Ok(()), |value| {
        Err(ConditionError::Value {
            name,
            parent,
            value,
        })
    })
}

/// Whether `from` depends on `to`, or on what depends on it, or is it. `seen` have been asked.
fn leads_to<'a>(
    from: &'a str,
    to: &str,
    parameters: &'a BTreeMap<String, Parameter>,
    seen: &mut Vec<&'a str>,
) -> bool {
    if from == to {
        return true;
    }
    if seen.contains(&from) {
        return false;
    }
    seen.push(from);
    let parents = parameters.get(from).into_iter();
    let mut parents = parents.flat_map(|parameter| parameter.when.iter());
    parents.any(|(parent, _)| leads_to(parent, to, parameters, seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Choices, FloatRange, IntRange, Space};

    /// Values by parent.
    type When<'a> = &'a [(&'a str, &'a [Value])];

    fn parameter(distribution: Distribution, when: When<'_>) -> Parameter {
        let values = when
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.to_vec()));
        Parameter {
            distribution,
            when: Conditions::new(values.collect()),
        }
    }

    fn refusal(when_a: When<'_>, when_b: When<'_>) -> String {
        let choices = Choices::new(vec![Value::Bool(false), Value::Bool(true)]).unwrap();
        let int = Distribution::Int(IntRange::new(1, 9, 2, false).unwrap());
        let float = Distribution::Float(FloatRange::new(0.0, 1.0, false).unwrap());
        let parameters = [
            (
                "a",
                parameter(Distribution::Categorical { choices }, when_a),
            ),
            ("b", parameter(int, when_b)),
            ("c", float.into()),
        ];
        let parameters = parameters.map(|(name, parameter)| (name.to_owned(), parameter));
        let error = Space::try_from(BTreeMap::from(parameters)).unwrap_err();
        error.to_string()
    }

    #[test]
    fn conditions_that_can_not_be_met_can_not_be_built() {
        let (yes, half) = ([Value::Bool(true)], [Value::Float(0.5)]);
        let (three, three_or_four) = ([Value::Int(3)], [Value::Int(3), Value::Int(4)]);
        let cases: [(When<'_>, &str); 5] = [
            (&[("d", &yes)], "`d`, which is not in the space"),
            (&[("c", &half)], "can't depend on `c`, a real"),
            (&[("b", &[])], "depends on no value of `b`"),
            (&[("b", &three_or_four)], "`b` = 4, which no trial"),
            (&[("a", &yes)], "depends on itself, by way of `a`"),
        ];
        for (when, message) in cases {
            let found = refusal(when, &[]);
            assert!(found.contains(message), "{found}");
        }
        let found = refusal(&[("b", &three)], &[("a", &yes)]);
        assert_eq!(found, "`a` depends on itself, by way of `b`");
    }
}
