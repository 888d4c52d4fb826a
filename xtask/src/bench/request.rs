//! What runners are asked and what they answer: one line of JSON each way.
//! Knows no runner.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bench::case::Setting;

/// What is measured of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Classification in batches.
    Forward,
    /// Whole steps: batch, forward, backward, optimiser.
    Step,
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Forward => "forward",
            Self::Step => "step",
        })
    }
}

/// What a photo is given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Pixels of the network's input.
    Input,
    /// A file, to be decoded and resized.
    Photo,
}

/// Something a runner is asked to do.
#[derive(Debug, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request<'a> {
    /// As much work as fits into a time; answered by a [`Measurement`].
    Measure {
        /// Which work.
        work: Work,
        /// Model and training.
        setting: &'a Setting,
        /// The time.
        seconds: f64,
    },
    /// Photos, labelled for a time; answered by a [`Measurement`].
    Label {
        /// What is timed.
        from: Form,
        /// The time.
        seconds: f64,
    },
    /// What it holds; answered by [`Memory`].
    Memory,
    /// The core's limit; answered by a [`Peak`].
    Peak {
        /// The time for all tries.
        seconds: f64,
    },
    /// Every kernel of a step, each for a time; answered by [`KernelSpeed`]s.
    Kernels {
        /// Model and training.
        setting: &'a Setting,
        /// The time for each.
        seconds: f64,
    },
    /// A whole training, on one thread; answered by a [`Run`].
    Train {
        /// Model and training.
        setting: &'a Setting,
        /// Fixes all that is random.
        seed: u64,
    },
    /// A whole study, trained by tabs of a browser; answered by a [`Sweep`].
    Sweep {
        /// Study file.
        study: &'a Path,
        /// Folder for the server's state; it does not exist yet.
        state: &'a Path,
        /// Folder of MNIST.
        mnist: &'a Path,
        /// How many tabs lend a core.
        tabs: u32,
        /// The time after which the study is left as it is.
        limit_secs: u64,
    },
}

/// What was done in which time.
#[derive(Clone, Debug, Deserialize)]
pub struct Measurement {
    /// Images trained with or classified.
    pub images: f64,
    /// The time it took.
    pub seconds: f64,
    /// What the runner chose to be fastest, where it had a choice.
    #[serde(default)]
    pub configuration: Option<String>,
}

impl Measurement {
    /// Images per second.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.images / self.seconds
    }
}

/// Kinds of memory by name, in MiB.
pub type Memory = BTreeMap<String, Option<f64>>;

/// What a core can do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Peak {
    /// Single-precision operations per nanosecond, in 128-bit vectors.
    pub gflops: f64,
    /// The number of independent chains that it took.
    pub chains: usize,
}

/// What a kernel does.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KernelSpeed {
    /// Layer, direction and way.
    pub name: String,
    /// Operations per nanosecond.
    pub gflops: f64,
    /// The time of one call, for a whole batch.
    pub micros: f64,
}

/// A whole training, its parts timed apart.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// Of the steps alone.
    pub training_secs: f64,
    /// Of scoring validation images after each epoch.
    pub scoring_secs: f64,
    /// From the first weight to the last score.
    pub whole_secs: f64,
    /// Validation images put in their class.
    pub validation_correct: u32,
    /// Validation images there are.
    pub validation_count: u32,
    /// Test images put in their class.
    pub test_correct: u32,
    /// Test images there are.
    pub test_count: u32,
}

/// What one tab's worker did.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SweepWorker {
    /// The volunteer's nickname.
    pub name: String,
    /// Leases it got.
    pub leases: u32,
    /// With a lease in hand.
    pub busy_secs: f64,
    /// From its first lease to the study's end.
    pub present_secs: f64,
}

/// A verified trial.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SweepTrial {
    /// Its number.
    pub trial: u32,
    /// Share of the validation images classified rightly.
    pub validation_score: f64,
    /// Share of the test images classified rightly.
    pub test_score: f64,
    /// When it was verified, since the tabs were opened.
    pub verified_secs: f64,
    /// Its setting.
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

/// A study from the first tab to its end.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sweep {
    /// From opening the tabs to the study's end.
    pub wall_secs: f64,
    /// Where the study stands.
    pub state: String,
    /// Trials by state.
    pub counts: BTreeMap<String, u32>,
    /// One for each tab.
    pub workers: Vec<SweepWorker>,
    /// Verified trials, best first.
    pub trials: Vec<SweepTrial>,
}
