//! The models and settings that are measured, and in which batches.
//! Knows them as JSON only, as every runner reads them.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A setting of hyper-parameters.
pub type Setting = Map<String, Value>;

/// Images per step that are measured.
pub const BATCHES: [usize; 2] = [64, 128];

/// So many that no training ends while it is measured.
const EPOCHS: usize = 100;

/// A model with the setting it is trained with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// LeNet-16-32-128, plain
    A,
    /// LeNet-16-32-128 with batch-norm, dropout, shifts and label smoothing
    B,
    /// LeNet-32-64-256 with the same, and more of it
    C,
}

impl Case {
    /// What the table says of it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::A => "LeNet-16-32-128, plain, AdamW",
            Self::B => {
                "LeNet-16-32-128, batch-norm after the pools, dropout 0.1, ±1 px, smoothing 0.05, one-cycle"
            }
            Self::C => {
                "LeNet-32-64-256, batch-norm after the pools, dropout 0.4, ±2 px, smoothing 0.05, one-cycle"
            }
        }
    }

    /// What the names of its ratios end with.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::A => "",
            Self::B => "_b",
            Self::C => "_c",
        }
    }

    /// Its setting, in batches of `batch`.
    #[must_use]
    pub fn setting(self, batch: usize) -> Setting {
        let shared = json!({
            "kernel_size": 5,
            "optimizer": "adamw",
            "weight_decay": 0.01,
            "batch_size": batch,
            "epochs": EPOCHS,
        });
        let own = match self {
            Self::A => json!({
                "conv1_channels": 16, "conv2_channels": 32, "hidden_units": 128,
                "batch_norm": false, "dropout": 0.0, "shift_px": 0, "label_smoothing": 0.0,
                "schedule": "constant", "learning_rate": 1e-3,
            }),
            Self::B => json!({
                "conv1_channels": 16, "conv2_channels": 32, "hidden_units": 128,
                "batch_norm": true, "dropout": 0.1, "shift_px": 1, "label_smoothing": 0.05,
                "schedule": "one_cycle", "learning_rate": 1e-2,
            }),
            Self::C => json!({
                "conv1_channels": 32, "conv2_channels": 64, "hidden_units": 256,
                "batch_norm": true, "dropout": 0.4, "shift_px": 2, "label_smoothing": 0.05,
                "schedule": "one_cycle", "learning_rate": 4e-3,
            }),
        };
        [shared, own].into_iter().flat_map(object).collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => unreachable!("settings are written as objects"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_fixes_the_same_parameters() {
        let names = |case: Case| case.setting(64).keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(Case::A).len(), 14);
        assert_eq!(names(Case::A), names(Case::B));
        assert_eq!(names(Case::A), names(Case::C));
    }
}
