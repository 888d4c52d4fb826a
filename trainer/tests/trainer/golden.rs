//! Hashes that the wasm module is held to as well: `tests/wasm.test.ts` reads the same file.

use serde_json::{Map, Value};
use tabsweep_dataset::{Labelled, Split, SyntheticDigits, blob};
use tabsweep_trainer::{Hyperparameters, Progress, Training, TrainingData, sha256_hex};

const GOLDEN: &str = include_str!("../../../tests/golden.json");

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn data(digits: &Value) -> TrainingData {
    let digits = SyntheticDigits {
        seed: digits["seed"].as_u64().unwrap(),
        train: number(&digits["train"]),
        test: number(&digits["test"]),
    };
    let split = Split::of(digits.draw().unwrap().train()).unwrap();
    let encoded = |part: &Labelled| blob::encode(part);
    TrainingData::from_blobs(&encoded(&split.training), &encoded(&split.validation), 10).unwrap()
}

fn trained(setting: &Map<String, Value>, seed: u64, data: TrainingData) -> String {
    let hyperparameters = Hyperparameters::from_json(setting).unwrap();
    let mut training = Training::new(hyperparameters, seed, data).unwrap();
    while !matches!(training.advance().unwrap(), Progress::Finished(_)) {}
    sha256_hex(&training.checkpoint())
}

#[test]
fn native_trainings_end_in_the_shared_golden_hashes() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let data = data(&golden["digits"]);
    let seed = golden["seed"].as_str().unwrap().parse().unwrap();
    let settings = golden["settings"].as_array().unwrap();
    assert!(!settings.is_empty());
    for case in settings {
        let setting = case["setting"].as_object().unwrap();
        let hash = trained(setting, seed, data.clone());
        assert_eq!(hash, case["checkpoint_sha256"], "{}", case["name"]);
    }
}
