//! Photos get the labels that TensorFlow's own weights are known to give them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tabsweep_picture::Limits;
use tabsweep_vision::bundle::BundleFiles;
use tabsweep_vision::{Bundle, PhotoClassifier};

const DESCRIPTION: &[u8] = include_bytes!("../../server/bundles/mobilenet_v1_0.75_192/model.toml");

/// How far a score may be off.
const TOLERANCE: f32 = 0.03;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TABSWEEP_IMAGENET_DIR").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: TABSWEEP_IMAGENET_DIR is not set, no photos to classify");
    }
    folder
}

#[test]
fn five_photos_get_their_five_labels() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let (labels, weights) = (
        read("labels.txt"),
        read("mobilenet_v1_0.75_192.safetensors"),
    );
    let files = BundleFiles {
        description: DESCRIPTION,
        labels: &labels,
        weights: &weights,
    };
    let mut classifier = PhotoClassifier::new(Bundle::parse(files).unwrap()).unwrap();
    let expected: BTreeMap<String, Vec<(String, f32)>> =
        serde_json::from_slice(&read("expected_top5.json")).unwrap();
    assert_eq!(expected.len(), 5);
    for (photo, expected) in expected {
        let encoded = read(&format!("photos/{photo}"));
        let guesses = classifier
            .classify(&encoded, &Limits::default(), 5)
            .unwrap();
        println!("{photo}: {guesses:?}");
        for (guess, (label, score)) in guesses.iter().zip(&expected) {
            assert_eq!(&guess.label, label, "{photo}");
            let apart = (guess.score - score).abs();
            assert!(apart <= TOLERANCE, "{photo}, {label}: {}", guess.score);
        }
    }
}
