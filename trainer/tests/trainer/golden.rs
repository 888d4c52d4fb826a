//! Hashes of short trainings that every build and every browser is held to: `tests/numerics.test.ts`
//! reads the same file. To write them anew after raising `NUMERICS_VERSION`, or after emptying one:
//! `cargo test --release --package tabsweep-trainer --test trainer renew -- --ignored`.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tabsweep_dataset::{Split, SyntheticDigits, blob};
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::{
    Hyperparameters, NUMERICS_VERSION, Training, TrainingData, TrainingError, sha256_hex,
};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    /// The version of the numeric contract that the hashes are of.
    numerics: u32,
    digits: Digits,
    /// Of all trainings.
    seed: String,
    /// Of each of the settings.
    steps: u64,
    settings: Vec<Pinned>,
    diverging: Vec<Diverging>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    train: usize,
    test: usize,
    seed: u64,
}

/// A setting with the SHA-256 of its last checkpoint: weights, optimiser state and step.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    name: String,
    setting: Map<String, Value>,
    checkpoint_sha256: String,
}

/// A setting with the words in which its training ends.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Diverging {
    name: String,
    setting: Map<String, Value>,
    ending: String,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden.json")
}

fn golden() -> Golden {
    serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap()
}

impl Golden {
    fn data(&self) -> TrainingData {
        let Digits { train, test, seed } = self.digits;
        let digits = SyntheticDigits { seed, train, test }.draw().unwrap();
        let split = Split::of(digits.train()).unwrap();
        let (training, validation) = (
            blob::encode(&split.training),
            blob::encode(&split.validation),
        );
        TrainingData::from_blobs(training, validation, 10).unwrap()
    }

    fn begin(&self, setting: &Map<String, Value>, data: &TrainingData, width: Width) -> Training {
        let hyperparameters = Hyperparameters::from_json(setting).unwrap();
        let seed = self.seed.parse().unwrap();
        Training::with_width(hyperparameters, seed, data.clone(), width).unwrap()
    }

    /// The hash of a setting's checkpoint after its last step.
    fn hash(&self, setting: &Map<String, Value>, data: &TrainingData, width: Width) -> String {
        let mut training = self.begin(setting, data, width);
        assert_eq!(training.total_steps(), self.steps);
        while training.step() < self.steps {
            training.advance().unwrap();
        }
        sha256_hex(&training.checkpoint())
    }

    fn ending(&self, setting: &Map<String, Value>, data: &TrainingData, width: Width) -> String {
        let mut training = self.begin(setting, data, width);
        loop {
            match training.advance() {
                Ok(_) => assert!(training.step() < training.total_steps(), "must diverge"),
                Err(error @ TrainingError::Diverged { .. }) => return error.to_string(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Each case with each width of vectors that this processor has.
fn at_every_width<T>(cases: &[T]) -> impl Iterator<Item = (&T, Width)> {
    cases.iter().flat_map(|case| {
        Width::available()
            .into_iter()
            .map(move |width| (case, width))
    })
}

#[test]
fn the_golden_hashes_are_of_this_version() {
    let golden = golden();
    assert_eq!(
        golden.numerics, NUMERICS_VERSION,
        "renew tests/golden.json: see the top of this file"
    );
    assert!(golden.settings.len() > 1 && !golden.diverging.is_empty());
}

#[test]
fn native_trainings_end_in_the_golden_hashes() {
    let golden = golden();
    let data = golden.data();
    for (case, width) in at_every_width(&golden.settings) {
        let hash = golden.hash(&case.setting, &data, width);
        assert_eq!(hash, case.checkpoint_sha256, "{}, {width}", case.name);
    }
}

#[test]
fn divergence_is_seen_at_the_golden_step() {
    let golden = golden();
    let data = golden.data();
    for (case, width) in at_every_width(&golden.diverging) {
        let ending = golden.ending(&case.setting, &data, width);
        assert_eq!(ending, case.ending, "{}, {width}", case.name);
    }
}

/// Whether a value may be written over another without a new version of the contract.
fn may_replace(old: &str, new: &str, is_same_version: bool) -> bool {
    old.is_empty() || old == new || !is_same_version
}

#[test]
#[ignore = "writes tests/golden.json; for a new version of the numeric contract"]
fn renew() {
    let mut golden = golden();
    let data = golden.data();
    let narrowest = Width::available()[0];
    let is_same_version = golden.numerics == NUMERICS_VERSION;
    let moved =
        "the bits have moved: raise NUMERICS_VERSION, or empty the value if its case is new";
    let hashes: Vec<String> = (golden.settings.iter())
        .map(|case| golden.hash(&case.setting, &data, narrowest))
        .collect();
    let endings: Vec<String> = (golden.diverging.iter())
        .map(|case| golden.ending(&case.setting, &data, narrowest))
        .collect();
    for (case, hash) in golden.settings.iter_mut().zip(hashes) {
        let may = may_replace(&case.checkpoint_sha256, &hash, is_same_version);
        assert!(may, "{}: {moved}", case.name);
        case.checkpoint_sha256 = hash;
    }
    for (case, ending) in golden.diverging.iter_mut().zip(endings) {
        let may = may_replace(&case.ending, &ending, is_same_version);
        assert!(may, "{}: {moved}", case.name);
        case.ending = ending;
    }
    golden.numerics = NUMERICS_VERSION;
    let text = serde_json::to_string_pretty(&golden).unwrap();
    fs::write(path(), format!("{text}\n")).unwrap();
}
