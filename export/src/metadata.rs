//! Decides what a model's file says of itself: from which study and trial it is, on what data it was
//! trained, what the server measured, and how pictures are prepared for it.

use std::collections::BTreeMap;

use tabsweep_protocol::{Numerics, Seed, Sha256, StudyId, TrialNumber};
use tabsweep_study::Scores;
use tabsweep_trainer::Hyperparameters;
use tabsweep_trainer::architecture::Architecture;
use tabsweep_trainer::evaluation;
use tabsweep_trainer::images::{PIXEL_DEVIATION, PIXEL_MEAN};

/// Program and version, as files name their maker.
pub(crate) const PRODUCER: &str = "tabsweep";
pub(crate) const PRODUCER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// Its study.
    pub study: StudyId,
    /// The study's name.
    pub study_name: String,
    /// Its trial.
    pub trial: TrialNumber,
    /// What the trial's randomness came from.
    pub seed: Seed,
    /// The numeric contract that it was trained under.
    pub numerics: Numerics,
    /// What it was trained and measured on.
    pub data: DataSource,
    /// What the server measured.
    pub scores: Scores,
    /// The weights as they were verified.
    pub weights_sha256: Sha256,
}

/// A data set's name and blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    /// Its name.
    pub name: String,
    /// Training images with labels.
    pub training_sha256: Sha256,
    /// Validation images with labels.
    pub validation_sha256: Sha256,
    /// Test images with labels.
    pub test_sha256: Sha256,
}

/// All that is known of a model, as text by name.
pub(crate) fn entries(
    provenance: &Provenance,
    setting: &Hyperparameters,
    architecture: &Architecture,
) -> BTreeMap<&'static str, String> {
    let setting = serde_json::to_string(setting).expect("numbers and names are JSON");
    let Provenance { data, scores, .. } = provenance;
    BTreeMap::from([
        ("producer", format!("{PRODUCER} {PRODUCER_VERSION}")),
        ("study", provenance.study_name.clone()),
        ("study_id", provenance.study.to_string()),
        ("trial", provenance.trial.to_string()),
        ("setting", setting),
        ("seed", provenance.seed.to_string()),
        ("numerics", provenance.numerics.to_string()),
        ("dataset", data.name.clone()),
        ("training_sha256", data.training_sha256.to_string()),
        ("validation_sha256", data.validation_sha256.to_string()),
        ("test_sha256", data.test_sha256.to_string()),
        ("validation_score", scores.validation.to_string()),
        ("test_score", scores.test.to_string()),
        ("scored_views", evaluation::views(architecture).to_string()),
        ("weights_sha256", provenance.weights_sha256.to_string()),
        ("classes", architecture.classes().to_string()),
        ("height", architecture.height().to_string()),
        ("width", architecture.width().to_string()),
        ("pixel_mean", PIXEL_MEAN.to_string()),
        ("pixel_deviation", PIXEL_DEVIATION.to_string()),
    ])
}
