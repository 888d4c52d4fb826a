//! Newtypes for everything that is named by a number or a string, so that no two can be swapped.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// Names a study; counts up from 1 on each server.
    StudyId
}
number_id! {
    /// A trial's place in its study; counts up from 0.
    TrialNumber
}
number_id! {
    /// Names a labelling job; counts up from 1 on each server.
    JobId
}
number_id! {
    /// A chunk's place in its job; counts up from 0.
    ChunkNumber
}
number_id! {
    /// Names a volunteer; counts up from 1 on each server.
    VolunteerId
}
number_id! {
    /// Version of a trainer's numeric contract: equal versions give equal bits.
    Numerics
}

/// What a text failed to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct IdError {
    /// What the text should have been.
    pub expected: &'static str,
    /// The text, cut to 80 characters.
    pub found: String,
}

impl IdError {
    fn new(expected: &'static str, found: &str) -> Self {
        Self {
            expected,
            found: found.chars().take(80).collect(),
        }
    }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $chars:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text, lower-case hexadecimal.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if text.len() == $chars && is_hex {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError::new($expected, text))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_id! {
    /// SHA-256 of some bytes: 64 lower-case hexadecimal digits.
    Sha256, 64, "a SHA-256 as 64 lower-case hexadecimal digits"
}
hex_id! {
    /// The fencing token of one lease: 32 hexadecimal digits, drawn at random by the server.
    LeaseToken, 32, "a lease token as 32 lower-case hexadecimal digits"
}
hex_id! {
    /// Names one worker for as long as its tab or thread lives: 16 hexadecimal digits, its own choice.
    WorkerId, 16, "a worker id as 16 lower-case hexadecimal digits"
}

/// What all of a trial's randomness comes from. A string in JSON: JavaScript's numbers end at 2⁵³.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "1847"))]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            de::Error::custom(IdError::new(
                "a seed as a whole number from 0 to 2^64 - 1",
                &text,
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_cross_json_as_strings() {
        let json = serde_json::to_string(&Seed(u64::MAX)).unwrap();
        assert_eq!(json, "\"18446744073709551615\"");
        assert_eq!(serde_json::from_str::<Seed>(&json).unwrap(), Seed(u64::MAX));
        assert!(serde_json::from_str::<Seed>("7").is_err());
    }

    #[test]
    fn hashes_are_64_lower_case_digits() {
        assert!("0".repeat(64).parse::<Sha256>().is_ok());
        let error = "0".repeat(63).parse::<Sha256>().unwrap_err();
        assert!(error.to_string().starts_with("expected a SHA-256 as 64"));
        assert!("A".repeat(64).parse::<Sha256>().is_err());
        assert!("../etc/passwd".parse::<Sha256>().is_err());
    }
}
