//! Models of all shapes, trained for a moment, and what they say of 1,000 images.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tabsweep_dataset::idx::parse_images;
use tabsweep_dataset::{DataSet, IdxFile, Images, Split, SyntheticDigits, blob};
use tabsweep_export::{DataSource, ImageShape, Provenance, VerifiedModel};
use tabsweep_protocol::{Numerics, Seed, Sha256, StudyId, TrialNumber};
use tabsweep_study::Scores;
use tabsweep_trainer::{
    Hyperparameters, Model, NUMERICS_VERSION, Progress, Training, TrainingData, sha256_hex,
};

use crate::check;

const IMAGES: usize = 1000;
const SHAPE: ImageShape = ImageShape {
    classes: 10,
    height: 28,
    width: 28,
};

/// Two and three convolutions, both sizes of kernels, with and without batch-norm; odd sides before a
/// pool; channels by which convolutions are computed tile by tile.
fn settings() -> [(&'static str, Value); 5] {
    [
        ("default", json!({})),
        (
            "plain",
            json!({ "batch_norm": false, "dropout": 0.0, "learning_rate": 1e-3 }),
        ),
        (
            "small-kernels",
            json!({ "kernel_size": 3, "conv1_channels": 5, "conv2_channels": 7 }),
        ),
        (
            "three",
            json!({ "middle_channels": 16, "conv2_kernel_size": 3, "hidden_units": 40 }),
        ),
        (
            "five-views",
            json!({ "test_time_augmentation": true, "hidden_units": 64 }),
        ),
    ]
}

#[test]
#[ignore = "needs Python with packages: see `cargo xtask test`"]
fn models_answer_alike_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let digits = SyntheticDigits {
        seed: 5,
        train: 1200,
        test: IMAGES,
    }
    .draw()
    .unwrap();
    let images = mnist().unwrap_or_else(|| digits.test().images().clone());
    let images = &images.pixels()[..IMAGES * SHAPE.height * SHAPE.width];
    fs::write(folder.path().join("images.bin"), images).unwrap();
    for (name, setting) in settings() {
        let setting = with_short_training(&setting);
        let weights = trained(&setting, &digits);
        write(&folder.path().join(name), &setting, &weights, images);
    }
    check("models", folder.path());
}

/// MNIST's test images, where the tests are told of them.
fn mnist() -> Option<Images> {
    let folder = std::env::var_os("TABSWEEP_MNIST_DIR")?;
    let (folder, file) = (Path::new(&folder), IdxFile::TestImages);
    let bytes = fs::read(folder.join(file.name()))
        .or_else(|_| fs::read(folder.join(file.packed_name())))
        .unwrap();
    Some(parse_images(file, &file.unpack(&bytes).unwrap()).unwrap())
}

fn with_short_training(setting: &Value) -> Map<String, Value> {
    let mut setting = setting.as_object().unwrap().clone();
    setting.insert("batch_size".into(), 50.into());
    setting.insert("epochs".into(), 1.into());
    setting
}

fn trained(setting: &Map<String, Value>, digits: &DataSet) -> Vec<u8> {
    let split = Split::of(digits.train()).unwrap();
    let blobs = [&split.training, &split.validation].map(blob::encode);
    let [training, validation] = blobs;
    let data = TrainingData::from_blobs(training, validation, SHAPE.classes).unwrap();
    let setting = Hyperparameters::from_json(setting).unwrap();
    let mut training = Training::new(setting, 7, data).unwrap();
    while !matches!(training.advance().unwrap(), Progress::Finished(_)) {}
    training.weights()
}

/// Writes the exports and our own answers for one view of each image.
fn write(folder: &Path, setting: &Map<String, Value>, weights: &[u8], images: &[u8]) {
    let model = VerifiedModel::read(setting, SHAPE, weights, provenance(weights)).unwrap();
    assert_eq!(model.onnx(), model.clone().onnx());
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("model.onnx"), model.onnx()).unwrap();
    fs::write(folder.join("model.safetensors"), model.safetensors()).unwrap();
    fs::write(folder.join("weights.safetensors"), weights).unwrap();
    let mut setting = setting.clone();
    setting.insert("test_time_augmentation".into(), false.into());
    let setting = Hyperparameters::from_json(&setting).unwrap();
    let ImageShape {
        classes,
        height,
        width,
    } = SHAPE;
    let own = Model::load(&setting, classes, height, width, weights).unwrap();
    let probabilities = own.probabilities(images, IMAGES).unwrap();
    let bytes: Vec<u8> = probabilities
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    fs::write(folder.join("probabilities.bin"), bytes).unwrap();
}

fn provenance(weights: &[u8]) -> Provenance {
    let hash = |digit: &str| digit.repeat(64).parse::<Sha256>().unwrap();
    Provenance {
        study: StudyId(3),
        study_name: "Digits, \"quoted\" ✓".to_owned(),
        trial: TrialNumber(4),
        seed: Seed(u64::MAX),
        numerics: Numerics(NUMERICS_VERSION),
        data: DataSource {
            name: "synthetic-digits".to_owned(),
            training_sha256: hash("1"),
            validation_sha256: hash("2"),
            test_sha256: hash("3"),
        },
        scores: Scores {
            validation: 0.5,
            test: 0.25,
        },
        weights_sha256: sha256_hex(weights).parse().unwrap(),
    }
}
