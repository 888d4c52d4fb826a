//! A trial's hyper-parameters as both sides pass them on: names and values. What a name means is
//! the trainer's business, what values it may take is the study's.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The hyper-parameters of one trial by name, sorted.
pub type Parameters = BTreeMap<String, Value>;

/// One hyper-parameter's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Value {
    /// A yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite real number.
    Float(f64),
    /// One of a set of names.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_type_through_json() {
        for value in [
            Value::Bool(true),
            Value::Int(-3),
            Value::Float(1e-3),
            Value::Text("adamw".into()),
        ] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&json).unwrap(),
                value,
                "{json}"
            );
        }
        assert_eq!(serde_json::to_string(&Value::Float(1.0)).unwrap(), "1.0");
    }
}
