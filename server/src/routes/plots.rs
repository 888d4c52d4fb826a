//! What plots of a whole study show, in columns: of thousands of trials a sample, and always the best.

use std::collections::{BTreeMap, HashMap};

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use tabsweep_protocol::{TrialNumber, Value};
use tabsweep_study::{Rested, Trial, TrialState};

use super::{VolunteerName, studies::find};
use crate::{
    app::{App, SharedApp},
    plots::{self, PlotKind, Slot},
    problem::Problem,
    store::{EpochScore, SampledTrial, ScoreAt, Shift, StoreError, StoredStudy},
};

/// Trials in columns: entry `i` of each is about the same trial.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TrialColumns {
    /// Trials there are; the columns have a sample of them.
    total: u32,
    /// Every so-many-th is in the sample, beside the best.
    stride: u32,
    /// Numbers, ascending.
    number: Vec<TrialNumber>,
    /// Where each stands.
    state: Vec<&'static str>,
    /// Fraction of the validation images classified rightly, at the end or where the trial rests or was
    /// pruned.
    score: Vec<Option<f64>>,
    /// Fraction of the test images classified rightly.
    test_score: Vec<Option<f64>>,
    /// When each changed last, in milliseconds since 1970.
    changed_millis: Vec<i64>,
    /// Values of the hyper-parameters that the study varies, by name; real ones with five digits.
    parameters: BTreeMap<String, Vec<Option<Value>>>,
    /// Verified scores that were better than all before them, of all trials.
    best: BestColumns,
}

/// Records in columns, oldest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BestColumns {
    /// When, in milliseconds since 1970.
    millis: Vec<i64>,
    /// The score from then on.
    score: Vec<f64>,
    /// Whose it is.
    trial: Vec<TrialNumber>,
}

/// Learning curves of a sample of the trials.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CurveList {
    /// Trials there are.
    total: u32,
    /// One a trial, in order of their numbers.
    curves: Vec<CurveView>,
}

/// A learning curve.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CurveView {
    /// Which trial.
    trial: TrialNumber,
    /// Epochs done at each point.
    epoch: Vec<u32>,
    /// Fraction of the validation images classified rightly at each point, by the worker's count.
    score: Vec<f64>,
}

/// Who had which trial when, and how much was trained meanwhile.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WorkView {
    /// Workers, in order of their first lease here.
    workers: Vec<WorkerName>,
    /// The newest leases, oldest first.
    leases: LeaseColumns,
    /// The time of those leases in equal stretches; those in which no epoch ended are left out.
    slots: Vec<SlotView>,
    /// When this was true, in milliseconds since 1970.
    now_millis: i64,
}

/// A worker and whose it is.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WorkerName {
    /// Id.
    worker: String,
    /// Whose.
    volunteer: VolunteerName,
}

/// Leases in columns.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub struct LeaseColumns {
    /// Place in `workers`.
    worker: Vec<usize>,
    /// Which trial.
    trial: Vec<TrialNumber>,
    /// Which attempt at it.
    attempt: Vec<u32>,
    /// When it began, in milliseconds since 1970.
    granted_millis: Vec<i64>,
    /// When it ended, in milliseconds since 1970.
    ended_millis: Vec<Option<i64>>,
    /// How it ended.
    ended: Vec<Option<String>>,
}

/// Work in a stretch of time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SlotView {
    /// When it begins, in milliseconds since 1970.
    begin_millis: i64,
    /// Workers that had a trial, on average.
    workers: f64,
    /// Epochs trained a minute.
    epochs_per_min: f64,
}

/// Trials in columns, for plots: of thousands a sample, and always the best.
#[utoipa::path(get, path = "/api/studies/{id}/plots/trials", operation_id = "plot_trials", tag = "plots",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, body = TrialColumns), (status = 404, body = Problem)))]
pub(super) async fn trials(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Response, Problem> {
    kept(&app, id, PlotKind::Trials, trial_columns).await
}

/// Learning curves of a sample of the trials, and of the best.
#[utoipa::path(get, path = "/api/studies/{id}/plots/curves", operation_id = "plot_curves", tag = "plots",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, body = CurveList), (status = 404, body = Problem)))]
pub(super) async fn curves(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Response, Problem> {
    kept(&app, id, PlotKind::Curves, curve_list).await
}

/// Who had which trial when: the newest leases, and how much was trained meanwhile.
#[utoipa::path(get, path = "/api/studies/{id}/plots/work", operation_id = "plot_work", tag = "plots",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, body = WorkView), (status = 404, body = Problem)))]
pub(super) async fn work(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Response, Problem> {
    kept(&app, id, PlotKind::Work, work_view).await
}

async fn kept<T: Serialize>(
    app: &App,
    id: u32,
    kind: PlotKind,
    make: impl AsyncFnOnce(&App, &StoredStudy) -> Result<T, StoreError>,
) -> Result<Response, Problem> {
    let study = find(app, id).await?;
    let json = async || {
        let view = make(app, &study).await?;
        let text = serde_json::to_vec(&view).expect("views hold nothing that JSON can't");
        Ok::<Bytes, StoreError>(text.into())
    };
    let bytes = app
        .plots
        .answer(study.id, kind, app.clock.now(), json)
        .await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

async fn trial_columns(app: &App, study: &StoredStudy) -> Result<TrialColumns, StoreError> {
    let total = app.store.trials_begun(study.id).await?;
    let sample = plots::sample(total, plots::MOST_TRIALS, plots::BEST_TRIALS);
    let rows = app.store.sampled_trials(study.id, sample).await?;
    let records = app.store.records(study.id).await?;
    let scores = || rows.iter().map(|row| scores(&row.trial));
    Ok(TrialColumns {
        total,
        stride: sample.stride,
        number: rows.iter().map(|row| row.trial.number).collect(),
        state: rows.iter().map(|row| row.trial.state.name()).collect(),
        score: scores().map(|(validation, _)| validation).collect(),
        test_score: scores().map(|(_, test)| test).collect(),
        changed_millis: rows.iter().map(|row| row.changed.0).collect(),
        parameters: parameters(study, &rows),
        best: records.as_slice().into(),
    })
}

async fn curve_list(app: &App, study: &StoredStudy) -> Result<CurveList, StoreError> {
    let total = app.store.trials_begun(study.id).await?;
    let sample = plots::sample(total, plots::MOST_CURVES, plots::BEST_CURVES);
    let points = app.store.sampled_epochs(study.id, sample).await?;
    let curves = points.chunk_by(|a, b| a.number == b.number);
    let curves = curves.map(CurveView::from).collect();
    Ok(CurveList { total, curves })
}

async fn work_view(app: &App, study: &StoredStudy) -> Result<WorkView, StoreError> {
    let now = app.clock.now();
    let shifts = app.store.shifts(study.id, plots::MOST_SHIFTS).await?;
    let millis = plots::slot_millis(&shifts, now);
    let from = shifts.first().map_or(now, |shift| shift.granted);
    let counts = app.store.epochs_in_time(study.id, from, millis).await?;
    let slots = plots::slots(&shifts, &counts, millis, now);
    let (workers, leases) = lease_columns(shifts);
    Ok(WorkView {
        workers,
        leases,
        slots: slots.into_iter().map(SlotView::from).collect(),
        now_millis: now.0,
    })
}

/// Validation and test score, as far as the trial has come.
fn scores(trial: &Trial) -> (Option<f64>, Option<f64>) {
    match &trial.state {
        TrialState::Verified(verified) => {
            let scores = verified.scores;
            (Some(scores.validation), Some(scores.test))
        }
        TrialState::Paused(Rested { validation, .. }) | TrialState::Pruned { validation, .. } => {
            (Some(*validation), None)
        }
        _ => (None, None),
    }
}

fn parameters(study: &StoredStudy, rows: &[SampledTrial]) -> BTreeMap<String, Vec<Option<Value>>> {
    let swept = study.study.space.swept();
    let column = |name: &str| {
        let values = rows.iter().map(|row| row.trial.parameters.get(name));
        values.map(|value| value.map(short)).collect()
    };
    swept.map(|name| (name.to_owned(), column(name))).collect()
}

fn short(value: &Value) -> Value {
    match value {
        Value::Float(value) => Value::Float(plots::short(*value)),
        value => value.clone(),
    }
}

fn lease_columns(shifts: Vec<Shift>) -> (Vec<WorkerName>, LeaseColumns) {
    let mut workers: Vec<WorkerName> = Vec::new();
    let mut places = HashMap::new();
    let mut columns = LeaseColumns::default();
    for shift in shifts {
        let place = *places.entry(shift.worker.clone()).or_insert_with(|| {
            workers.push(WorkerName {
                worker: shift.worker,
                volunteer: shift.volunteer.into(),
            });
            workers.len() - 1
        });
        let (ended_millis, ended) = shift.ended.map(|(at, how)| (at.0, how)).unzip();
        columns.worker.push(place);
        columns.trial.push(shift.number);
        columns.attempt.push(shift.attempt);
        columns.granted_millis.push(shift.granted.0);
        columns.ended_millis.push(ended_millis);
        columns.ended.push(ended);
    }
    (workers, columns)
}

impl From<&[ScoreAt]> for BestColumns {
    fn from(records: &[ScoreAt]) -> Self {
        Self {
            millis: records.iter().map(|record| record.at.0).collect(),
            score: records.iter().map(|record| record.validation).collect(),
            trial: records.iter().map(|record| record.number).collect(),
        }
    }
}

impl From<&[EpochScore]> for CurveView {
    fn from(points: &[EpochScore]) -> Self {
        Self {
            trial: points[0].number,
            epoch: points.iter().map(|point| point.epoch).collect(),
            score: points.iter().map(|point| point.validation).collect(),
        }
    }
}

impl From<Slot> for SlotView {
    fn from(slot: Slot) -> Self {
        Self {
            begin_millis: slot.begin.0,
            workers: slot.workers,
            epochs_per_min: slot.epochs_per_min,
        }
    }
}
