//! Trials as a table: a row each, a column for each hyper-parameter of the space. What a trial does not
//! have is an empty cell.

use chrono::{DateTime, SecondsFormat};
use csv::{Terminator, WriterBuilder};
use tabsweep_study::{Space, Timestamp};

use crate::record::TrialRecord;

/// Columns before the hyper-parameters.
const FIRST: [&str; 2] = ["number", "state"];
/// Columns behind them.
const LAST: [&str; 10] = [
    "seed",
    "numerics",
    "attempts",
    "epochs",
    "validation_score",
    "test_score",
    "weights_sha256",
    "volunteer",
    "started",
    "ended",
];

/// The names of the columns.
pub(crate) fn head(space: &Space) -> Vec<u8> {
    let parameters = space
        .parameters()
        .keys()
        .map(|name| format!("params_{name}"));
    let first = FIRST.map(str::to_owned).into_iter();
    line(first.chain(parameters).chain(LAST.map(str::to_owned)))
}

/// One trial.
pub(crate) fn row(space: &Space, record: &TrialRecord) -> Vec<u8> {
    let trial = &record.trial;
    let value = |name: &String| text(trial.parameters.get(name));
    let scores = record.scores();
    let epochs = record.epochs.last().map_or(0, |epoch| epoch.epoch);
    let first = [trial.number.to_string(), trial.state.name().to_owned()];
    let last = [
        trial.seed.to_string(),
        trial.numerics.to_string(),
        trial.attempts.to_string(),
        epochs.to_string(),
        text(scores.map(|scores| scores.validation)),
        text(scores.map(|scores| scores.test)),
        text(record.weights_sha256()),
        record
            .volunteer
            .as_deref()
            .map(harmless)
            .unwrap_or_default(),
        record.started.map(iso).unwrap_or_default(),
        record.ended().map(iso).unwrap_or_default(),
    ];
    let parameters = space.parameters().keys().map(value);
    line(first.into_iter().chain(parameters).chain(last))
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut builder = WriterBuilder::new();
    let mut writer = builder
        .terminator(Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    let cells: Vec<String> = cells.collect();
    writer
        .write_record(&cells)
        .expect("writing to memory does not fail");
    writer
        .into_inner()
        .expect("writing to memory does not fail")
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A nickname that no spreadsheet takes for a formula: strangers choose them.
fn harmless(nickname: &str) -> String {
    if nickname.starts_with(['=', '+', '-', '@']) {
        format!("'{nickname}")
    } else {
        nickname.to_owned()
    }
}

/// A point in time as ISO 8601, in UTC.
pub(crate) fn iso(time: Timestamp) -> String {
    let time = DateTime::from_timestamp_millis(time.0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
