//! A study with trials in every state there is, and one of 2,000 trials.

use std::fs;
use std::path::Path;

use serde_json::json;
use tabsweep_export::{EpochRecord, ExportedStudy, TrialFormat, TrialRecord, TrialWriter};
use tabsweep_protocol::{
    Finished, LeaseToken, Numerics, Outcome, Parameters, Seed, Sha256, StudyId, TrialNumber, Value,
    VolunteerId, WorkerId,
};
use tabsweep_study::{
    Grant, LeasePolicy, Pending, Rested, Scores, Study, StudyState, Timestamp, Trial, TrialState,
    Verified,
};

use crate::check;

/// 2026-11-26, in the morning.
const MORNING: i64 = 1_795_683_600_000;
const VOLUNTEER: VolunteerId = VolunteerId(1);

#[test]
#[ignore = "needs Python with packages: see `cargo xtask test`"]
fn studies_are_read_by_pandas_and_optuna() {
    for (objective, state) in [
        ("validation_accuracy", StudyState::Running),
        ("validation_error", StudyState::Finished),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let study = study(objective, state);
        let records: Vec<TrialRecord> = (0..).zip(states()).map(record).collect();
        write(folder.path(), &study, &records);
        check("study", folder.path());
    }
}

#[test]
#[ignore = "needs Python with packages: see `cargo xtask test`"]
fn large_studies_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let study = study("validation_accuracy", StudyState::Running);
    let states = std::iter::repeat_with(states).flatten();
    let records: Vec<TrialRecord> = (0..2000).zip(states).map(record).collect();
    write(folder.path(), &study, &records);
    check("study", folder.path());
}

fn study(objective: &str, state: StudyState) -> ExportedStudy {
    let study: Study = serde_json::from_value(json!({
        "name": "Ends, and \"everything\" ✓",
        "dataset": "/home/operator/digits",
        "objective": objective,
        "trials": 100,
        "seed": "18446744073709551615",
        "sampler": "tpe",
        "pruner": { "type": "none" },
        "enqueued": [],
        "space": {
            "learning_rate": { "type": "float", "low": 1e-3, "high": 0.1, "log": true },
            "dropout": {
                "type": "float", "low": 0.0, "high": 0.5, "log": false,
                "when": { "optimizer": ["sgd"] },
            },
            "hidden_units": { "type": "int", "low": 32, "high": 256, "step": 32, "log": false },
            "conv1_channels": { "type": "int", "low": 1, "high": 64, "step": 1, "log": true },
            "optimizer": { "type": "categorical", "choices": ["adamw", "sgd"] },
            "batch_norm": { "type": "categorical", "choices": [true, false] },
            "epochs": { "type": "fixed", "value": 2 },
        },
    }))
    .unwrap();
    ExportedStudy {
        id: StudyId(1),
        study,
        state,
        dataset: "digits".to_owned(),
    }
}

/// One of each.
fn states() -> [TrialState; 9] {
    let scores = Scores {
        validation: 0.75,
        test: 0.5,
    };
    let leased = fresh(0).lease(grant(), LeasePolicy::default(), Timestamp(MORNING));
    let rested = Rested {
        epoch: 1,
        validation: 0.25,
        volunteer: VOLUNTEER,
        paused: Timestamp(MORNING),
    };
    [
        TrialState::Waiting,
        leased.unwrap().state,
        TrialState::Checking(pending()),
        TrialState::Paused(rested),
        TrialState::Verified(Verified {
            scores,
            weights_sha256: hash(),
            volunteer: VOLUNTEER,
            verified: Timestamp(MORNING),
        }),
        TrialState::Diverged {
            step: 3,
            volunteer: VOLUNTEER,
        },
        TrialState::Pruned {
            epoch: 1,
            validation: 0.25,
            volunteer: VOLUNTEER,
        },
        TrialState::Failed {
            reason: "its workers went away".to_owned(),
        },
        TrialState::Cancelled,
    ]
}

fn grant() -> Grant {
    Grant {
        token: token(),
        volunteer: VOLUNTEER,
        worker: "0".repeat(16).parse::<WorkerId>().unwrap(),
    }
}

fn pending() -> Pending {
    let outcome = Outcome::Finished(Finished {
        weights_sha256: hash(),
        validation_correct: 9,
        validation_count: 10,
    });
    Pending {
        lease: token(),
        volunteer: VOLUNTEER,
        claimed: Timestamp(MORNING),
        outcome,
    }
}

fn token() -> LeaseToken {
    "0".repeat(32).parse().unwrap()
}

fn hash() -> Sha256 {
    "ab".repeat(32).parse().unwrap()
}

fn fresh(number: u32) -> Trial {
    let number = TrialNumber(number);
    Trial::new(number, setting(number.0), Seed(u64::MAX), Numerics(2))
}

fn record((number, state): (u32, TrialState)) -> TrialRecord {
    let has_begun = state != TrialState::Waiting;
    let mut trial = fresh(number);
    trial.state = state;
    trial.attempts = u32::from(has_begun);
    let epoch = |epoch: u32| EpochRecord {
        epoch,
        step: u64::from(epoch) * 10,
        validation_score: 0.25 * f64::from(epoch),
        mean_loss: 1.5,
    };
    TrialRecord {
        trial,
        started: has_begun.then_some(Timestamp(MORNING)),
        changed: Timestamp(MORNING + 60_500),
        volunteer: has_begun.then(|| "=cmd, \"ada\" ✓".to_owned()),
        epochs: (1..=2).filter(|_| has_begun).map(epoch).collect(),
    }
}

/// Every third lacks a hyper-parameter, and every fourth has one that the space does not.
fn setting(number: u32) -> Parameters {
    let mut setting = Parameters::from([
        ("learning_rate".to_owned(), Value::Float(0.01)),
        ("dropout".to_owned(), Value::Float(0.1)),
        ("hidden_units".to_owned(), Value::Int(96)),
        ("conv1_channels".to_owned(), Value::Int(7)),
        ("optimizer".to_owned(), Value::Text("sgd".to_owned())),
        ("batch_norm".to_owned(), Value::Bool(false)),
        ("epochs".to_owned(), Value::Int(2)),
    ]);
    if number % 3 == 2 {
        setting.remove("dropout");
    }
    if number % 4 == 3 {
        setting.insert("hidden_units".to_owned(), Value::Int(100));
    }
    setting
}

fn write(folder: &Path, study: &ExportedStudy, records: &[TrialRecord]) {
    for (file, format) in [
        ("trials.csv", TrialFormat::Csv),
        ("trials.jsonl", TrialFormat::JsonLines),
        ("optuna.log", TrialFormat::OptunaJournal),
    ] {
        let writer = TrialWriter::new(study.clone(), format);
        let mut bytes = writer.head();
        bytes.extend(records.iter().flat_map(|record| writer.trial(record)));
        fs::write(folder.join(file), bytes).unwrap();
    }
    let expected = json!({
        "minimizes": study.study.objective.direction() == tabsweep_study::Direction::Minimize,
        "has_finished": study.state == StudyState::Finished,
    });
    fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
}
