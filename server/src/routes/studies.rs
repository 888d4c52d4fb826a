//! Studies: list, show, create, change.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Seed, StudyId, TrialNumber, WorkerId};
use tabsweep_study::{
    Direction, Extension, Objective, Pruner, SamplerKind, Space, StudyState, Timestamp,
};

use super::{VolunteerName, auth::require_admin};
use crate::{
    app::{App, SharedApp},
    operator::{self, OperatorError},
    plots,
    problem::Problem,
    roster::Connected,
    store::{StoreError, StoredStudy, TrialCounts},
    studies::{self, CreateError},
};

/// A study in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StudySummary {
    /// Id.
    id: StudyId,
    /// Name.
    name: String,
    /// Name of the data set.
    dataset: String,
    /// Where it stands.
    #[schema(value_type = String, example = "running")]
    state: StudyState,
    /// Budget: how many trials.
    trials: u32,
    /// How many stand where.
    counts: TrialCounts,
    /// The leader.
    best: Option<Best>,
    /// When it was created, in milliseconds since 1970.
    created_millis: i64,
    /// Seconds until its last trial ends at the pace of the last minutes; none where that can't be told.
    secs_left: Option<u64>,
}

/// A study's leader.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Best {
    /// Which trial.
    trial: TrialNumber,
    /// Fraction of the validation images classified rightly.
    validation_score: f64,
    /// Fraction of the test images classified rightly.
    test_score: f64,
}

/// A study with its definition and its workers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StudyDetail {
    /// What lists show.
    #[serde(flatten)]
    summary: StudySummary,
    /// What ranks its trials.
    #[schema(value_type = String, example = "validation_accuracy")]
    objective: Objective,
    /// Whether higher scores are better, `maximize` or `minimize`.
    #[schema(value_type = String, example = "maximize")]
    direction: Direction,
    /// Seconds from its creation until no trial begins any more.
    wall_secs: Option<u32>,
    /// The verified score that is good enough.
    target_score: Option<f64>,
    /// Its share of the workers beside other studies that run, in proportion to theirs.
    weight: f64,
    /// Who suggests.
    #[schema(value_type = String, example = "random")]
    sampler: SamplerKind,
    /// Who stops trials early: its `type`, with its options.
    #[schema(value_type = Object)]
    pruner: Pruner,
    /// Where suggestions come from.
    seed: Seed,
    /// What is searched: by name, a `type` with its bounds or choices.
    #[schema(value_type = std::collections::BTreeMap<String, Object>)]
    space: Space,
    /// Settings of the operator's own, tried first.
    enqueued: Vec<Parameters>,
    /// Number of classes.
    classes: u32,
    /// Who is connected: workers on this study, and idle ones.
    workers: Vec<WorkerView>,
}

/// What an operator changes of a study; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StudyChange {
    /// `paused` lets no more trials begin, `running` lets them begin again, `finished` ends the study
    /// now and cancels trials that have not ended.
    #[schema(value_type = Option<String>, example = "paused")]
    #[serde(default)]
    state: Option<StudyState>,
    /// How many settings are tried.
    #[serde(default)]
    trials: Option<u32>,
    /// Seconds from its creation until no trial begins any more.
    #[serde(default)]
    wall_secs: Option<u32>,
    /// The verified score that is good enough.
    #[serde(default)]
    target_score: Option<f64>,
    /// Its share of the workers beside other studies that run, in proportion to theirs.
    #[serde(default)]
    weight: Option<f64>,
}

/// How much a hyper-parameter matters.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ImportanceRow {
    /// Its name.
    parameter: String,
    /// Its share of what all of them matter, from 0 to 1.
    importance: f64,
}

/// A connected worker.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WorkerView {
    /// Which worker.
    worker: WorkerId,
    /// Whose.
    volunteer: VolunteerName,
    /// What it does.
    activity: WorkerActivity,
    /// The trial in hand.
    trial: Option<TrialNumber>,
    /// Which attempt at it.
    attempt: Option<u32>,
    /// Optimiser steps done.
    step: u64,
    /// Optimiser steps in the whole trial.
    steps: u64,
    /// Loss of the last batch, in nats.
    loss: Option<f32>,
    /// Training speed.
    images_per_sec: f32,
    /// Since when it is connected, in milliseconds since 1970.
    connected_millis: i64,
}

/// What a connected worker does.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerActivity {
    /// It has a trial.
    Training,
    /// It waits for one.
    Idle,
}

/// All studies, newest first.
#[utoipa::path(get, path = "/api/studies", operation_id = "list_studies", tag = "studies",
    responses((status = 200, body = Vec<StudySummary>)))]
pub(super) async fn list(State(app): State<SharedApp>) -> Result<Json<Vec<StudySummary>>, Problem> {
    let mut summaries = Vec::new();
    for study in app.store.studies().await? {
        summaries.push(summary(&app, &study).await?);
    }
    Ok(Json(summaries))
}

/// One study.
#[utoipa::path(get, path = "/api/studies/{id}", operation_id = "show_study", tag = "studies",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, body = StudyDetail), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Json<StudyDetail>, Problem> {
    let study = find(&app, id).await?;
    Ok(Json(detail(&app, study).await?))
}

/// Creates a study from a study file (TOML).
#[utoipa::path(post, path = "/api/studies", operation_id = "create_study", tag = "studies",
    request_body(content = String, content_type = "application/toml"),
    responses((status = 201, body = StudyDetail), (status = 400, body = Problem),
        (status = 401, body = Problem)))]
pub(super) async fn create(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    text: String,
) -> Result<Response, Problem> {
    require_admin(&app, &headers)?;
    let id = studies::create(&app, &text).await?;
    let study = find(&app, id.0).await?;
    let place = [(header::LOCATION, format!("/api/studies/{id}"))];
    Ok((StatusCode::CREATED, place, Json(detail(&app, study).await?)).into_response())
}

/// Pauses, resumes, stops or extends a study.
#[utoipa::path(patch, path = "/api/studies/{id}", operation_id = "change_study", tag = "studies",
    params(("id" = u32, Path, description = "The study's id")),
    request_body(content = StudyChange),
    responses((status = 200, body = StudyDetail), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    headers: HeaderMap,
    text: String,
) -> Result<Json<StudyDetail>, Problem> {
    require_admin(&app, &headers)?;
    let change: StudyChange = serde_json::from_str(&text).map_err(Problem::bad_request)?;
    let study = find(&app, id).await?.id;
    let extension = Extension {
        trials: change.trials,
        wall_secs: change.wall_secs,
        target_score: change.target_score,
        weight: change.weight,
    };
    if extension != Extension::default() {
        operator::extend(&app, study, extension).await?;
    }
    if let Some(state) = change.state {
        operator::put_into(&app, study, state).await?;
    }
    let study = find(&app, id).await?;
    Ok(Json(detail(&app, study).await?))
}

/// How much each hyper-parameter matters for the score, most important first. Empty while there are
/// too few scores to tell.
#[utoipa::path(get, path = "/api/studies/{id}/importance", operation_id = "importance", tag = "studies",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, body = Vec<ImportanceRow>), (status = 404, body = Problem)))]
pub(super) async fn importance(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Json<Vec<ImportanceRow>>, Problem> {
    let study = find(&app, id).await?;
    let rows = operator::importance(&app, &study).await?;
    let row = |(parameter, importance)| ImportanceRow {
        parameter,
        importance,
    };
    Ok(Json(rows.into_iter().map(row).collect()))
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Store { source } => source.into(),
            OperatorError::OutOfRange { .. }
            | OperatorError::UnknownParameter { .. }
            | OperatorError::OutsideSpace { .. }
            | OperatorError::Inactive { .. }
            | OperatorError::Untrainable { .. } => Self::bad_request(error),
        }
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::File { source } => Self::new(
                StatusCode::BAD_REQUEST,
                "bad_study_file",
                "The study file has an error",
                &source.message,
            )
            .at(source.line, source.column),
            CreateError::DataSet { source } => Self::new(
                StatusCode::BAD_REQUEST,
                "no_data_set",
                "The data set can't be had",
                source,
            ),
            CreateError::Untrainable { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "untrainable",
                "The study's settings can't be trained on its data set",
                error,
            ),
            CreateError::Store { source } => source.into(),
        }
    }
}

/// The study, or the error that there is none.
pub(super) async fn find(app: &App, id: u32) -> Result<StoredStudy, Problem> {
    let study = app.store.study(StudyId(id)).await?;
    study.ok_or_else(|| Problem::not_found(format!("there is no study {id}")))
}

async fn summary(app: &App, study: &StoredStudy) -> Result<StudySummary, StoreError> {
    let best = app.store.verified_trials(study.id, 1).await?.pop();
    let counts = app.store.trial_counts(study).await?;
    Ok(StudySummary {
        id: study.id,
        name: study.study.name.clone(),
        dataset: study.data.name.clone(),
        state: study.state,
        trials: study.study.budget.trials,
        counts,
        best: best.map(|row| Best {
            trial: row.trial.number,
            validation_score: row.scores.validation,
            test_score: row.scores.test,
        }),
        created_millis: study.created.0,
        secs_left: secs_left(app, study, counts).await?,
    })
}

/// Minutes whose pace says how long the rest will take.
const PACE_MINUTES: i64 = 15;

async fn secs_left(
    app: &App,
    study: &StoredStudy,
    counts: TrialCounts,
) -> Result<Option<u64>, StoreError> {
    if study.state != StudyState::Running {
        return Ok(None);
    }
    let now = app.clock.now();
    let since = Timestamp(now.0 - PACE_MINUTES * 60_000);
    let ends = app.store.ends_since(study.id, since).await?;
    Ok(plots::secs_left(&ends, counts.left(), now))
}

async fn detail(app: &App, study: StoredStudy) -> Result<StudyDetail, StoreError> {
    let connected = app.workers().await?.into_iter();
    let here = connected.filter(|worker| {
        worker
            .in_hand
            .as_ref()
            .is_none_or(|in_hand| in_hand.study == study.id)
    });
    Ok(StudyDetail {
        summary: summary(app, &study).await?,
        objective: study.study.objective,
        direction: study.study.objective.direction(),
        wall_secs: study.study.budget.wall_secs,
        target_score: study.study.budget.target_score,
        weight: study.study.weight,
        sampler: study.study.sampler,
        pruner: study.study.pruner,
        seed: study.study.seed,
        space: study.study.space,
        enqueued: study.study.enqueued,
        classes: study.data.classes,
        workers: here.map(WorkerView::from).collect(),
    })
}

impl From<Connected> for WorkerView {
    fn from(connected: Connected) -> Self {
        let in_hand = connected.in_hand;
        let progress = in_hand
            .as_ref()
            .and_then(|in_hand| in_hand.progress.as_ref());
        Self {
            activity: match in_hand {
                Some(_) => WorkerActivity::Training,
                None => WorkerActivity::Idle,
            },
            step: progress.map_or(0, |progress| progress.step),
            steps: progress.map_or(0, |progress| progress.steps),
            loss: progress.map(|progress| progress.loss),
            images_per_sec: progress.map_or(0.0, |progress| progress.images_per_sec),
            trial: in_hand.as_ref().map(|in_hand| in_hand.trial),
            attempt: in_hand.as_ref().map(|in_hand| in_hand.attempt),
            worker: connected.worker,
            volunteer: (connected.volunteer, connected.nickname).into(),
            connected_millis: connected.since.0,
        }
    }
}
