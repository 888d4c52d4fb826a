//! Checkpoints and weights that strangers hand in are refused with what is wrong, never a panic.

use std::sync::LazyLock;

use crate::fixtures::{
    CLASSES, SIZE, data, entries, forged, full_setting, setting, train_until, training,
};
use proptest::prelude::*;
use safetensors::Dtype;
use tabsweep_trainer::tensor_file::{Entry, serialize};
use tabsweep_trainer::{CheckpointError, Hyperparameters, Model, ModelError, Training};

const IMAGES: usize = 20;

static CHECKPOINT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut training = training(&full_setting(), IMAGES);
    train_until(&mut training, 2);
    training.checkpoint()
});

static WEIGHTS: LazyLock<Vec<u8>> = LazyLock::new(|| training(&full_setting(), IMAGES).weights());

fn resume(bytes: &[u8]) -> Result<Training, CheckpointError> {
    Training::resume(full_setting(), 42, data(IMAGES), bytes)
}

fn load(bytes: &[u8]) -> Result<Model, ModelError> {
    Model::load(&full_setting(), CLASSES, SIZE, SIZE, bytes)
}

fn without(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut entries = entries(bytes);
    entries.retain(|entry| entry.name != name);
    serialize(&entries)
}

fn refused_checkpoint(bytes: &[u8]) -> String {
    resume(bytes).unwrap_err().to_string()
}

fn refused_weights(bytes: &[u8]) -> String {
    load(bytes).unwrap_err().to_string()
}

fn write_nan(entry: &mut Entry) {
    entry.bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
}

fn flatten(entry: &mut Entry) {
    entry.shape = vec![entry.shape.iter().product()];
}

fn make_integers(entry: &mut Entry) {
    entry.dtype = Dtype::I32;
}

#[test]
fn faults_of_a_checkpoint_are_named() {
    let good = &*CHECKPOINT;
    assert!(resume(good).is_ok());
    let cases = [
        (
            without(good, "conv2.bias"),
            "checkpoint: tensor `conv2.bias` is missing",
        ),
        (
            without(good, "optimizer.second_moment.hidden.weight"),
            "checkpoint: tensor `optimizer.second_moment.hidden.weight` is missing",
        ),
        (
            without(good, "fingerprint"),
            "checkpoint: tensor `fingerprint` is missing",
        ),
        (
            forged(good, "norm1.running_var", write_nan),
            "checkpoint: tensor `norm1.running_var` holds a value that is not finite",
        ),
        (
            forged(good, "optimizer.first_moment.conv1.bias", write_nan),
            "checkpoint: tensor `optimizer.first_moment.conv1.bias` holds a value that is not finite",
        ),
        (
            forged(good, "conv1.weight", flatten),
            "checkpoint: tensor `conv1.weight` has shape [27], expected [3, 1, 3, 3]",
        ),
        (
            forged(good, "hidden.bias", make_integers),
            "checkpoint: tensor `hidden.bias` is I32, expected F32",
        ),
        (
            forged(good, "step", |entry| {
                entry.bytes = (-1_i64).to_le_bytes().to_vec()
            }),
            "checkpoint at step -1 of a trial of 9 steps",
        ),
        (
            forged(good, "step", |entry| {
                entry.bytes = 10_i64.to_le_bytes().to_vec()
            }),
            "checkpoint at step 10 of a trial of 9 steps",
        ),
        (
            forged(good, "loss_sum", |entry| {
                entry.bytes = f64::NAN.to_le_bytes().to_vec()
            }),
            "checkpoint with a summed loss of NaN",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(refused_checkpoint(&bytes), message);
    }
    assert!(refused_checkpoint(&WEIGHTS).contains("tensor `fingerprint` is missing"));
    let mut more = entries(good);
    more.push(Entry::floats("more", &[1], &[0.0]));
    assert_eq!(
        refused_checkpoint(&serialize(&more)),
        "checkpoint: tensor `more` does not belong here"
    );
}

#[test]
fn checkpoints_of_other_trials_are_refused() {
    let is_other = |hyperparameters: Hyperparameters, seed, images| {
        let refused = Training::resume(hyperparameters, seed, data(images), &CHECKPOINT);
        matches!(refused, Err(CheckpointError::OtherTrial { .. }))
    };
    assert!(!is_other(full_setting(), 42, IMAGES));
    assert!(is_other(full_setting(), 43, IMAGES));
    assert!(is_other(full_setting(), 42, IMAGES + 1));
    let other_rate = Hyperparameters {
        learning_rate: 0.02,
        ..full_setting()
    };
    assert!(is_other(other_rate, 42, IMAGES));
    assert!(is_other(setting("{}"), 42, IMAGES));
}

#[test]
fn faults_of_weights_are_named() {
    let good = &*WEIGHTS;
    assert!(load(good).is_ok());
    let cases = [
        (
            without(good, "output.bias"),
            "weights: tensor `output.bias` is missing",
        ),
        (
            forged(good, "output.weight", write_nan),
            "weights: tensor `output.weight` holds a value that is not finite",
        ),
        (
            forged(good, "norm3.running_mean", make_integers),
            "weights: tensor `norm3.running_mean` is I32, expected F32",
        ),
        (
            forged(good, "hidden.weight", flatten),
            "weights: tensor `hidden.weight` has shape [252], expected [7, 36]",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(refused_weights(&bytes), message);
    }
    assert_eq!(
        refused_weights(&CHECKPOINT),
        "weights: tensor `fingerprint` does not belong here"
    );
    assert!(refused_weights(&[]).starts_with("weights: not a safetensors file"));
}

#[test]
fn a_negative_variance_does_not_panic() {
    let bytes = forged(&WEIGHTS, "norm1.running_var", |entry| {
        entry.bytes[..4].copy_from_slice(&(-1.0_f32).to_le_bytes());
    });
    if let Ok(model) = load(&bytes) {
        model.probabilities(data(4).training().pixels(), 4).unwrap();
    }
}

#[test]
fn pictures_of_another_size_are_refused() {
    let model = load(&WEIGHTS).unwrap();
    let refused = model.probabilities(&[0; 10], 2).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "10 bytes are not 2 images of 196 pixels"
    );
    assert!(model.count_correct(&[0; 196], &[0, 1]).is_err());
    assert!(model.probabilities(&[], 0).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_cut_off_is_refused(end in 0..CHECKPOINT.len()) {
        prop_assert!(resume(&CHECKPOINT[..end]).is_err());
        prop_assert!(load(&WEIGHTS[..end.min(WEIGHTS.len() - 1)]).is_err());
    }

    /// Most changes hit a value, which may stay a value: nothing but a panic is wrong.
    #[test]
    fn no_change_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut checkpoint = CHECKPOINT.clone();
        let mut weights = WEIGHTS.clone();
        for (at, byte) in changes {
            // Half of them in the header, where they do most.
            checkpoint[at.index(1_000)] = byte;
            weights[at.index(1_000)] = byte;
            let (last, length) = (at.index(checkpoint.len()), weights.len());
            checkpoint[last] ^= byte;
            weights[last % length] ^= byte;
        }
        if let Ok(mut training) = resume(&checkpoint) {
            let _ = training.advance();
        }
        if let Ok(model) = load(&weights) {
            prop_assert!(model.probabilities(data(4).training().pixels(), 4).is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(resume(&bytes).is_err());
        prop_assert!(load(&bytes).is_err());
    }
}
