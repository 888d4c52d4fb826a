//! Small data that a small model learns in a few epochs, and the settings that tests train with.

use safetensors::SafeTensors;
use serde_json::{Map, Value};
use tabsweep_trainer::philox::{Philox, Stream};
use tabsweep_trainer::tensor_file::{Entry, serialize};
use tabsweep_trainer::{Hyperparameters, ImageSet, Progress, Training, TrainingData};

/// Rows and columns of the images; a 3×3 kernel leaves 2×2 positions for the second pool's output.
pub const SIZE: usize = 14;
/// Classes of the images.
pub const CLASSES: usize = 4;

/// Noise with a bright bar whose place tells the class.
fn bars(set: &'static str, count: usize, seed: u64) -> ImageSet {
    let mut draws = Philox::new(seed).draws(Stream::Weights, 0);
    let labels: Vec<u8> = (0..count).map(|image| (image % CLASSES) as u8).collect();
    let mut pixels = Vec::with_capacity(count * SIZE * SIZE);
    for &label in &labels {
        let bar = 2 + 3 * usize::from(label);
        for place in 0..SIZE * SIZE {
            let bright = (bar..bar + 2).contains(&(place / SIZE));
            pixels.push(if bright { 160 } else { 0 } + (draws.word() >> 26) as u8);
        }
    }
    ImageSet::new(set, pixels, labels, (SIZE, SIZE), CLASSES).unwrap()
}

/// `count` training images and 20 validation images.
pub fn data(count: usize) -> TrainingData {
    let training = bars("training", count, 1);
    let validation = bars("validation", 20, 2);
    TrainingData::new(training, validation, CLASSES).unwrap()
}

/// A small model with everything switched off that can be, but for what `json` says.
pub fn setting(json: &str) -> Hyperparameters {
    let small = r#"{
        "conv1_channels": 3, "conv2_channels": 9, "kernel_size": 3, "hidden_units": 7,
        "batch_norm": false, "dropout": 0, "optimizer": "sgd", "learning_rate": 0.01,
        "weight_decay": 0, "batch_size": 8, "schedule": "constant", "shift_px": 0,
        "label_smoothing": 0, "epochs": 3
    }"#;
    let mut object: Map<String, Value> = serde_json::from_str(small).unwrap();
    object.extend(serde_json::from_str::<Map<String, Value>>(json).unwrap());
    Hyperparameters::from_json(&object).unwrap()
}

/// Everything switched on.
pub fn full_setting() -> Hyperparameters {
    setting(
        r#"{
            "batch_norm": true, "dropout": 0.3, "optimizer": "adamw", "weight_decay": 0.05,
            "schedule": "one_cycle", "shift_px": 2, "label_smoothing": 0.1
        }"#,
    )
}

/// A training at its start.
pub fn training(hyperparameters: &Hyperparameters, images: usize) -> Training {
    Training::new(hyperparameters.clone(), 42, data(images)).unwrap()
}

/// Advances until `step` steps are done.
pub fn train_until(training: &mut Training, step: u64) {
    while training.step() < step {
        training.advance().unwrap();
    }
}

/// Advances to the end and gives all that was reported on the way.
pub fn finish(training: &mut Training) -> Vec<Progress> {
    let mut reports = Vec::new();
    loop {
        let progress = training.advance().unwrap();
        reports.push(progress);
        if matches!(progress, Progress::Finished(_)) {
            return reports;
        }
    }
}

/// The tensors of a checkpoint or of weights.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    file.iter()
        .map(|(name, view)| Entry {
            name: name.to_owned(),
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        })
        .collect()
}

/// `bytes` with the tensor `name` changed.
pub fn forged(bytes: &[u8], name: &str, change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut entries = entries(bytes);
    change(entries.iter_mut().find(|entry| entry.name == name).unwrap());
    serialize(&entries)
}
