//! Labels of pictures in all their formats: the same alone and among others.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{cell::Cell, io::Cursor};

use image::{GrayImage, ImageFormat};
use serde_json::json;
use tabsweep_labelling::{ChunkFiles, Classifier, Labeller, LabellerError, Labelling};
use tabsweep_protocol::{
    Answer, Answers, BlobRef, ChunkNumber, JobId, LabelLease, LabelModel, Numerics, Parameters,
    pack,
};
use tabsweep_trainer::{Hyperparameters, ImageSet, Training, TrainingData};

const SIDE: usize = 28;

fn setting() -> serde_json::Value {
    json!({
        "conv1_channels": 4, "conv2_channels": 8, "hidden_units": 16, "batch_size": 8, "epochs": 1
    })
}

fn digit(number: usize) -> Vec<u8> {
    let pixel = |at: usize| ((at * (number + 3)) % 251) as u8;
    (0..SIDE * SIDE).map(pixel).collect()
}

/// A network with its weights as they were drawn, which is as good as any here.
fn model() -> (LabelModel, Vec<u8>) {
    let pixels: Vec<u8> = (0..16).flat_map(digit).collect();
    let labels: Vec<u8> = (0..16).map(|number| number % 10).collect();
    let set = |name| ImageSet::new(name, pixels.clone(), labels.clone(), (SIDE, SIDE), 10).unwrap();
    let data = TrainingData::new(set("training"), set("validation"), 10).unwrap();
    let hyperparameters = Hyperparameters::from_json(setting().as_object().unwrap()).unwrap();
    let weights = Training::new(hyperparameters, 1, data).unwrap().weights();
    let parameters: Parameters = serde_json::from_value(setting()).unwrap();
    let model = LabelModel::Trial {
        parameters,
        classes: 10,
        height: SIDE as u32,
        width: SIDE as u32,
        weights: BlobRef {
            sha256: "0".repeat(64).parse().unwrap(),
            bytes: weights.len() as u64,
        },
    };
    (model, weights)
}

fn classifier() -> Classifier {
    let (model, weights) = model();
    Classifier::new(&model, &[weights]).unwrap()
}

fn lease(model: LabelModel, pictures: u32, pack: &[u8]) -> LabelLease {
    LabelLease {
        token: "0".repeat(32).parse().unwrap(),
        job: JobId(1),
        job_name: "Digits".to_owned(),
        chunk: ChunkNumber(0),
        attempt: 1,
        numerics: Numerics(1),
        model,
        pictures,
        bytes: pack.len() as u64,
        top: 5,
        lease_secs: 60,
        progress_secs: 1,
    }
}

fn png(number: usize) -> Vec<u8> {
    let picture = GrayImage::from_raw(SIDE as u32, SIDE as u32, digit(number)).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn packed(pictures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pictures
        .iter()
        .for_each(|picture| pack::push(&mut bytes, picture));
    bytes
}

fn answers(classifier: &mut Classifier, pictures: &[Vec<u8>]) -> Vec<Answer> {
    let labelling = Labelling::new(packed(pictures), pictures.len(), 5).unwrap();
    labelling.finish(classifier).unwrap().0
}

#[test]
fn a_picture_gets_the_same_labels_alone_and_among_others() {
    let mut classifier = classifier();
    let pictures: Vec<_> = (0..120).map(png).collect();
    let together = answers(&mut classifier, &pictures);
    assert_eq!(together.len(), 120);
    for number in [0, 49, 50, 119] {
        let alone = answers(&mut classifier, &pictures[number..=number]);
        assert_eq!(alone[0], together[number]);
    }
    let Answer::Labels(labels) = &together[7] else {
        panic!("it is a picture");
    };
    assert_eq!(labels.len(), 5);
    assert!(labels.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn bad_pictures_are_named_and_stop_nothing() {
    let mut classifier = classifier();
    let whole = png(3);
    let half = whole[..whole.len() / 2].to_vec();
    let found = answers(
        &mut classifier,
        &[b"no picture".to_vec(), whole.clone(), half, Vec::new()],
    );
    let unreadable = |answer: &Answer| match answer {
        Answer::Unreadable(reason) => reason.clone(),
        Answer::Labels(_) => "labelled".to_owned(),
    };
    let found: Vec<_> = found.iter().map(unreadable).collect();
    assert_eq!(found[0], "not a picture: expected PNG, JPEG, WebP or BMP");
    assert_eq!(found[1], "labelled");
    assert!(found[2].contains("PNG"), "{}", found[2]);
    assert_eq!(found[3], found[0]);
}

#[test]
fn packs_with_too_few_pictures_are_refused() {
    let refused = Labelling::new(Vec::new(), 1, 5).unwrap_err();
    assert_eq!(refused.to_string(), "expected 1 pictures, found 0");
}

#[test]
fn a_labeller_works_in_slices_and_keeps_its_model_from_chunk_to_chunk() {
    let (model, weights) = model();
    let pictures: Vec<_> = (0..60).map(png).collect();
    let pack = packed(&pictures);
    let lease = lease(model.clone(), 60, &pack);
    let mut labeller = Labeller::default();
    assert!(!labeller.has_model(&model));
    let files = |model| ChunkFiles {
        model,
        pack: pack.clone(),
    };
    labeller.begin(&lease, files(Some(vec![weights]))).unwrap();

    let mut labelled = vec![0];
    while labelled.last() != Some(&60) {
        assert!(labelled.len() < 20, "{labelled:?}");
        let units = Cell::new(0);
        let has_time = || units.replace(units.get() + 1) < 10;
        labelled.push(labeller.advance(has_time).unwrap());
    }
    // 60 pictures are decoded one by one and classified by 50: 62 units of work in slices of ten.
    assert_eq!(labelled, [0, 0, 0, 0, 0, 0, 50, 60]);
    let found = labeller.answers().unwrap();
    let expected = Answers(answers(&mut classifier(), &pictures));
    assert_eq!(found, expected.encode());

    labeller.forget();
    assert_eq!(labeller.answers(), None);
    assert_eq!(labeller.advance(|| true).unwrap(), 0);
    assert!(labeller.has_model(&model));
    labeller.begin(&lease, files(None)).unwrap();
    assert_eq!(labeller.advance(|| true).unwrap(), 60);
    assert_eq!(labeller.answers(), Some(found));
}

#[test]
fn a_chunk_for_another_model_is_not_labelled_with_the_last_one() {
    let (model, weights) = model();
    let pack = packed(&[png(1)]);
    let files = |model| ChunkFiles {
        model,
        pack: pack.clone(),
    };
    let mut labeller = Labeller::default();
    let first = lease(model.clone(), 1, &pack);
    labeller.begin(&first, files(Some(vec![weights]))).unwrap();
    let LabelModel::Trial {
        parameters,
        height,
        width,
        weights,
        ..
    } = model
    else {
        panic!("it is a trial's");
    };
    let other = LabelModel::Trial {
        parameters,
        classes: 9,
        height,
        width,
        weights,
    };
    let refused = labeller.begin(&lease(other, 1, &pack), files(None));
    assert!(matches!(refused, Err(LabellerError::NoModel)));
}
