//! Trials as lines of JSON, with the names that the API uses.

use serde::Serialize;
use tabsweep_protocol::{Numerics, Parameters, Seed, TrialNumber};

use crate::record::{EpochRecord, TrialRecord};

#[derive(Serialize)]
struct Line<'a> {
    number: TrialNumber,
    state: &'static str,
    parameters: &'a Parameters,
    seed: Seed,
    numerics: Numerics,
    attempts: u32,
    validation_score: Option<f64>,
    test_score: Option<f64>,
    weights_sha256: Option<&'a str>,
    volunteer: Option<&'a str>,
    started_millis: Option<i64>,
    ended_millis: Option<i64>,
    epochs: &'a [EpochRecord],
}

/// One trial.
pub(crate) fn line(record: &TrialRecord) -> Vec<u8> {
    let trial = &record.trial;
    let scores = record.scores();
    let line = Line {
        number: trial.number,
        state: trial.state.name(),
        parameters: &trial.parameters,
        seed: trial.seed,
        numerics: trial.numerics,
        attempts: trial.attempts,
        validation_score: scores.map(|scores| scores.validation),
        test_score: scores.map(|scores| scores.test),
        weights_sha256: record.weights_sha256(),
        volunteer: record.volunteer.as_deref(),
        started_millis: record.started.map(|time| time.0),
        ended_millis: record.ended().map(|time| time.0),
        epochs: &record.epochs,
    };
    let mut bytes = serde_json::to_vec(&line).expect("text and numbers are JSON");
    bytes.push(b'\n');
    bytes
}
