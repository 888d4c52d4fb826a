//! Labels of pictures in all their formats: the same alone and among others.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::Cursor;

use image::{GrayImage, ImageFormat};
use serde_json::json;
use tabsweep_labelling::{Classifier, Labelling};
use tabsweep_protocol::{Answer, BlobRef, LabelModel, Parameters, pack};
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
fn classifier() -> Classifier {
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
    Classifier::new(&model, &[weights]).unwrap()
}

fn png(number: usize) -> Vec<u8> {
    let picture = GrayImage::from_raw(SIDE as u32, SIDE as u32, digit(number)).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn answers(classifier: &mut Classifier, pictures: &[Vec<u8>]) -> Vec<Answer> {
    let mut bytes = Vec::new();
    pictures
        .iter()
        .for_each(|picture| pack::push(&mut bytes, picture));
    let labelling = Labelling::new(bytes, pictures.len(), 5).unwrap();
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
        &classifier,
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
