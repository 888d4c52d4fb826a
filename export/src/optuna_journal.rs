//! Trials as the log of Optuna's `JournalStorage` with a file (Optuna 5,
//! <https://optuna.readthedocs.io/en/stable/reference/storages.html>): the study is created, then each
//! trial as one that somebody else ran. What is not searched stands in user attributes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};
use tabsweep_protocol::Value;
use tabsweep_study::{Direction, Distribution, Objective, StudyState, TrialState};

use crate::csv_table::iso;
use crate::record::TrialRecord;
use crate::trial_writer::ExportedStudy;

/// `JournalOperation` of Optuna.
const CREATE_STUDY: u8 = 0;
const SET_STUDY_USER_ATTR: u8 = 2;
const CREATE_TRIAL: u8 = 4;

/// Whose operations these are; none of Optuna's own workers is called so.
const WORKER: &str = "tabsweep";

/// The only study of the journal.
const STUDY: u8 = 0;

/// Optuna's `TrialState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running = 0,
    Complete = 1,
    Pruned = 2,
    Fail = 3,
    Waiting = 4,
}

impl State {
    /// What Optuna would call it. A trial at rest may go on as long as its study runs.
    fn of(state: &TrialState, study: StudyState) -> Self {
        match state {
            TrialState::Waiting => Self::Waiting,
            TrialState::Running(_) | TrialState::Checking(_) => Self::Running,
            TrialState::Paused(_) if study == StudyState::Finished => Self::Pruned,
            TrialState::Paused(_) => Self::Running,
            TrialState::Verified(_) => Self::Complete,
            TrialState::Pruned { .. } => Self::Pruned,
            TrialState::Diverged { .. } | TrialState::Failed { .. } | TrialState::Cancelled => {
                Self::Fail
            }
        }
    }

    fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Fail)
    }
}

#[derive(Serialize)]
struct CreateTrial<'a> {
    op_code: u8,
    worker_id: &'static str,
    study_id: u8,
    datetime_start: Option<String>,
    state: u8,
    value: Option<f64>,
    values: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datetime_complete: Option<String>,
    /// Each as JSON in a text.
    distributions: BTreeMap<&'a str, String>,
    /// Numbers, or places among choices.
    params: BTreeMap<&'a str, Json>,
    user_attrs: BTreeMap<&'a str, Json>,
    system_attrs: BTreeMap<&'a str, Json>,
    intermediate_values: BTreeMap<u32, f64>,
}

/// The study and what is known of it.
pub(crate) fn head(exported: &ExportedStudy) -> Vec<u8> {
    let study = &exported.study;
    let direction = match study.objective.direction() {
        Direction::Minimize => 1,
        Direction::Maximize => 2,
    };
    let mut bytes = line(&json!({
        "op_code": CREATE_STUDY, "worker_id": WORKER,
        "study_name": study.name, "directions": [direction],
    }));
    let attributes = [
        ("study_id", json!(exported.id)),
        ("objective", json!(study.objective)),
        ("dataset", json!(exported.dataset)),
        ("seed", json!(study.seed)),
        ("sampler", json!(study.sampler)),
        ("pruner", json!(study.pruner)),
    ];
    for (name, value) in attributes {
        bytes.extend(line(&json!({
            "op_code": SET_STUDY_USER_ATTR, "worker_id": WORKER, "study_id": STUDY,
            "user_attr": { name: value },
        })));
    }
    bytes
}

/// One trial, with all that happened to it in one operation.
pub(crate) fn trial(exported: &ExportedStudy, record: &TrialRecord) -> Vec<u8> {
    let objective = exported.study.objective;
    let state = State::of(&record.trial.state, exported.state);
    let started = record.started.unwrap_or(record.changed);
    let mut setting = Setting::default();
    for (name, value) in &record.trial.parameters {
        let distribution = exported.study.space.distribution(name);
        setting.add(name, value, distribution);
    }
    for (name, value) in attributes(record) {
        setting.others.insert(name, value);
    }
    line(&CreateTrial {
        op_code: CREATE_TRIAL,
        worker_id: WORKER,
        study_id: STUDY,
        datetime_start: (state != State::Waiting).then(|| iso(started)),
        state: state as u8,
        value: record.score(objective).filter(|_| state.is_finished()),
        values: None,
        datetime_complete: state
            .is_finished()
            .then(|| iso(record.changed.max(started))),
        distributions: setting.distributions,
        params: setting.searched,
        user_attrs: setting.others,
        system_attrs: BTreeMap::new(),
        intermediate_values: intermediate_values(record, objective),
    })
}

/// A setting, divided into what Optuna knows as parameters and the rest.
#[derive(Default)]
struct Setting<'a> {
    distributions: BTreeMap<&'a str, String>,
    searched: BTreeMap<&'a str, Json>,
    others: BTreeMap<&'a str, Json>,
}

impl<'a> Setting<'a> {
    /// A value outside its distribution, as an operator's own may be, is none that Optuna accepts.
    fn add(&mut self, name: &'a str, value: &Value, distribution: Option<&Distribution>) {
        let searched = distribution.and_then(|distribution| internal(distribution, value));
        match searched {
            Some((distribution, value)) => {
                self.distributions.insert(name, distribution.to_string());
                self.searched.insert(name, value);
            }
            None => {
                self.others.insert(name, json!(value));
            }
        }
    }
}

/// A distribution and a value of it as Optuna keeps them.
fn internal(distribution: &Distribution, value: &Value) -> Option<(Json, Json)> {
    if !distribution.contains(value) {
        return None;
    }
    let named = |name: &str, attributes| json!({ "name": name, "attributes": attributes });
    match distribution {
        Distribution::Float(range) => {
            let attributes = json!({
                "low": range.low(), "high": range.high(), "log": range.is_log(), "step": null,
            });
            Some((named("FloatDistribution", attributes), json!(value)))
        }
        Distribution::Int(range) => {
            let attributes = json!({
                "low": range.low(), "high": range.high(), "log": range.is_log(),
                "step": range.step(),
            });
            Some((named("IntDistribution", attributes), json!(value)))
        }
        Distribution::Categorical { choices } => {
            let choices = choices.values();
            let place = choices.iter().position(|choice| choice == value)?;
            let attributes = json!({ "choices": choices });
            Some((named("CategoricalDistribution", attributes), json!(place)))
        }
        Distribution::Fixed { .. } => None,
    }
}

fn attributes(record: &TrialRecord) -> impl Iterator<Item = (&'static str, Json)> {
    let trial = &record.trial;
    let scores = record.scores();
    let always = [
        ("state", json!(trial.state.name())),
        ("training_seed", json!(trial.seed)),
        ("numerics", json!(trial.numerics)),
        ("attempts", json!(trial.attempts)),
    ];
    let sometimes = [
        (
            "volunteer",
            record.volunteer.as_ref().map(|name| json!(name)),
        ),
        ("test_score", scores.map(|scores| json!(scores.test))),
        (
            "weights_sha256",
            record.weights_sha256().map(|hash| json!(hash)),
        ),
    ];
    let known = |(name, value): (_, Option<Json>)| value.map(|value| (name, value));
    always
        .into_iter()
        .chain(sometimes.into_iter().filter_map(known))
}

fn intermediate_values(record: &TrialRecord, objective: Objective) -> BTreeMap<u32, f64> {
    let value = |epoch: &crate::EpochRecord| objective.score(epoch.validation_score);
    let epochs = record.epochs.iter();
    epochs.map(|epoch| (epoch.epoch, value(epoch))).collect()
}

fn line(operation: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(operation).expect("text and numbers are JSON");
    bytes.push(b'\n');
    bytes
}
