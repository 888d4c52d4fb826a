//! Trials: the leaderboard, lists, one with its history.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Numerics, Parameters, Seed, Sha256, StudyId, TrialNumber};
use tabsweep_study::{Rested, Trial, TrialState};

use super::{VolunteerName, auth::require_admin, studies::find};
use crate::{
    app::{App, SharedApp},
    operator,
    problem::Problem,
    store::{EpochRow, LeaseRow},
};

/// A place on the leaderboard.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LeaderboardRow {
    /// From 1.
    rank: u32,
    /// Which trial.
    trial: TrialNumber,
    /// Its setting.
    parameters: Parameters,
    /// Its randomness.
    seed: Seed,
    /// The numeric contract it was trained under: only a trainer of that version gets the same bits.
    numerics: Numerics,
    /// Fraction of the validation images classified rightly; ranks.
    validation_score: f64,
    /// Fraction of the test images classified rightly; for people only.
    test_score: f64,
    /// Its weights, at `/api/blobs/{sha256}`.
    weights_sha256: Sha256,
    /// Who finished it.
    volunteer: VolunteerName,
    /// Leases it took.
    attempts: u32,
    /// When it was verified, in milliseconds since 1970.
    verified_millis: i64,
}

/// A trial in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TrialSummary {
    /// Its place in the study.
    number: TrialNumber,
    /// Where it stands.
    state: &'static str,
    /// Its setting.
    parameters: Parameters,
    /// Its randomness.
    seed: Seed,
    /// The numeric contract it is trained under: only a trainer of that version gets the same bits.
    numerics: Numerics,
    /// Leases granted so far.
    attempts: u32,
    /// Fraction of the validation images classified rightly, once verified.
    validation_score: Option<f64>,
    /// Fraction of the test images classified rightly, once verified.
    test_score: Option<f64>,
    /// Why it ended badly, if it did.
    reason: Option<String>,
    /// Optimiser steps in its checkpoint.
    checkpoint_step: Option<u64>,
}

/// A page of trials.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TrialList {
    /// Trials that match, on all pages.
    total: u32,
    /// This page's, in order of their numbers.
    trials: Vec<TrialSummary>,
}

/// A trial with its history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TrialDetail {
    /// What lists show.
    #[serde(flatten)]
    summary: TrialSummary,
    /// Its weights, once verified.
    weights_sha256: Option<Sha256>,
    /// Epochs as workers reported them.
    epochs: Vec<EpochView>,
    /// Who had it when.
    leases: Vec<LeaseView>,
}

/// An epoch as a worker reported it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EpochView {
    /// Epochs done.
    epoch: u32,
    /// Optimiser steps done.
    step: u64,
    /// Fraction of the validation images classified rightly, by the worker's count.
    validation_score: f64,
    /// Mean training loss, in nats.
    mean_loss: f64,
    /// Hash of the checkpoint at this point.
    state_sha256: Sha256,
    /// Which attempt.
    attempt: u32,
}

/// A lease in a trial's history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LeaseView {
    /// From 1.
    attempt: u32,
    /// Whose.
    volunteer: VolunteerName,
    /// When it was granted, in milliseconds since 1970.
    granted_millis: i64,
    /// When it ended, in milliseconds since 1970.
    ended_millis: Option<i64>,
    /// How it ended: `claimed`, `released`, `expired`, or `outdated` by a new numeric contract.
    ended: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LeaderboardQuery {
    /// Most rows, up to 1000.
    #[serde(default = "hundred")]
    limit: u32,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TrialsQuery {
    /// Only trials in this state.
    state: Option<String>,
    /// Trials to skip.
    #[serde(default)]
    offset: u32,
    /// Most trials, up to 1000.
    #[serde(default = "hundred")]
    limit: u32,
}

fn hundred() -> u32 {
    100
}

const MOST_ROWS: u32 = 1000;

const STATES: [&str; 9] = [
    "waiting",
    "running",
    "checking",
    "paused",
    "verified",
    "diverged",
    "pruned",
    "failed",
    "cancelled",
];

/// A setting of the operator's own.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnSetting {
    /// Hyper-parameters by name; what is left out is the sampler's choice.
    parameters: Parameters,
}

/// Verified trials, best first.
#[utoipa::path(get, path = "/api/studies/{id}/leaderboard", operation_id = "leaderboard", tag = "trials",
    params(("id" = u32, Path, description = "The study's id"), LeaderboardQuery),
    responses((status = 200, body = Vec<LeaderboardRow>), (status = 404, body = Problem)))]
pub(super) async fn leaderboard(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    Query(query): Query<LeaderboardQuery>,
) -> Result<Json<Vec<LeaderboardRow>>, Problem> {
    let study = find(&app, id).await?;
    let rows = app
        .store
        .verified_trials(study.id, query.limit.min(MOST_ROWS))
        .await?;
    let ranked = rows.into_iter().zip(1..).map(|(row, rank)| LeaderboardRow {
        rank,
        trial: row.trial.number,
        parameters: row.trial.parameters,
        seed: row.trial.seed,
        numerics: row.trial.numerics,
        validation_score: row.scores.validation,
        test_score: row.scores.test,
        weights_sha256: row.weights_sha256,
        volunteer: row.volunteer.into(),
        attempts: row.trial.attempts,
        verified_millis: row.verified.0,
    });
    Ok(Json(ranked.collect()))
}

/// Trials in order of their numbers.
#[utoipa::path(get, path = "/api/studies/{id}/trials", operation_id = "list_trials", tag = "trials",
    params(("id" = u32, Path, description = "The study's id"), TrialsQuery),
    responses((status = 200, body = TrialList), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    Query(query): Query<TrialsQuery>,
) -> Result<Json<TrialList>, Problem> {
    let state = query.state.filter(|state| !state.is_empty());
    if let Some(state) = &state
        && !STATES.contains(&state.as_str())
    {
        let expected = STATES.join(", ");
        return Err(Problem::bad_request(format!(
            "`state` must be one of {expected}; found {state:?}"
        )));
    }
    let study = find(&app, id).await?;
    let limit = query.limit.min(MOST_ROWS);
    let page = app
        .store
        .trials(study.id, state.as_deref(), query.offset, limit)
        .await?;
    let trials = page.trials.into_iter().map(TrialSummary::from).collect();
    Ok(Json(TrialList {
        total: page.total,
        trials,
    }))
}

/// Queues a setting of the operator's own: it is the next to be trained.
#[utoipa::path(post, path = "/api/studies/{id}/trials", operation_id = "enqueue_trial", tag = "trials",
    params(("id" = u32, Path, description = "The study's id")),
    request_body(content = OwnSetting),
    responses((status = 201, body = TrialDetail), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) async fn enqueue(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    headers: HeaderMap,
    text: String,
) -> Result<Response, Problem> {
    require_admin(&app, &headers)?;
    let own: OwnSetting = serde_json::from_str(&text).map_err(Problem::bad_request)?;
    let study = find(&app, id).await?;
    let number = operator::enqueue(&app, &study, own.parameters).await?;
    let place = [(
        header::LOCATION,
        format!("/api/studies/{id}/trials/{number}"),
    )];
    Ok((
        StatusCode::CREATED,
        place,
        Json(detail(&app, study.id, number).await?),
    )
        .into_response())
}

/// Has a trial trained once more from its beginning, wherever it stands.
#[utoipa::path(post, path = "/api/studies/{id}/trials/{number}/requeue", operation_id = "requeue_trial",
    tag = "trials",
    params(("id" = u32, Path, description = "The study's id"),
        ("number" = u32, Path, description = "The trial's number")),
    responses((status = 200, body = TrialDetail), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn requeue(
    State(app): State<SharedApp>,
    Path((id, number)): Path<(u32, u32)>,
    headers: HeaderMap,
) -> Result<Json<TrialDetail>, Problem> {
    require_admin(&app, &headers)?;
    let (study, number) = (StudyId(id), TrialNumber(number));
    operator::requeue(&app, study, number).await?;
    Ok(Json(detail(&app, study, number).await?))
}

/// One trial with its history.
#[utoipa::path(get, path = "/api/studies/{id}/trials/{number}", operation_id = "show_trial", tag = "trials",
    params(("id" = u32, Path, description = "The study's id"),
        ("number" = u32, Path, description = "The trial's number")),
    responses((status = 200, body = TrialDetail), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Path((id, number)): Path<(u32, u32)>,
) -> Result<Json<TrialDetail>, Problem> {
    Ok(Json(detail(&app, StudyId(id), TrialNumber(number)).await?))
}

async fn detail(app: &App, study: StudyId, number: TrialNumber) -> Result<TrialDetail, Problem> {
    let trial = app.store.trial(study, number).await?;
    let trial = trial
        .ok_or_else(|| Problem::not_found(format!("study {study} has no trial {number} yet")))?;
    let weights_sha256 = match &trial.state {
        TrialState::Verified(verified) => Some(verified.weights_sha256.clone()),
        _ => None,
    };
    let epochs = app.store.epochs(study, number).await?;
    let leases = app.store.leases(study, number).await?;
    Ok(TrialDetail {
        summary: trial.into(),
        weights_sha256,
        epochs: epochs.into_iter().map(EpochView::from).collect(),
        leases: leases.into_iter().map(LeaseView::from).collect(),
    })
}

impl From<Trial> for TrialSummary {
    fn from(trial: Trial) -> Self {
        let state = trial.state.name();
        let (scores, reason) = match trial.state {
            TrialState::Verified(verified) => (Some(verified.scores), None),
            TrialState::Diverged { step, .. } => (
                None,
                Some(format!("the loss was no number any more at step {step}")),
            ),
            TrialState::Failed { reason } => (None, Some(reason)),
            TrialState::Paused(Rested { epoch, .. }) => (
                None,
                Some(format!(
                    "rests after epoch {epoch} until it is among the best"
                )),
            ),
            TrialState::Pruned { epoch, .. } => (
                None,
                Some(format!("others were better after epoch {epoch}")),
            ),
            TrialState::Cancelled => (None, Some("its study ended first".to_owned())),
            _ => (None, None),
        };
        Self {
            number: trial.number,
            state,
            parameters: trial.parameters,
            seed: trial.seed,
            numerics: trial.numerics,
            attempts: trial.attempts,
            validation_score: scores.map(|scores| scores.validation),
            test_score: scores.map(|scores| scores.test),
            reason,
            checkpoint_step: trial.checkpoint.map(|checkpoint| checkpoint.step),
        }
    }
}

impl From<EpochRow> for EpochView {
    fn from(row: EpochRow) -> Self {
        Self {
            epoch: row.epoch,
            step: row.step,
            validation_score: row.validation_score,
            mean_loss: row.mean_loss,
            state_sha256: row.state_sha256,
            attempt: row.attempt,
        }
    }
}

impl From<LeaseRow> for LeaseView {
    fn from(row: LeaseRow) -> Self {
        let (ended_millis, ended) = row.ended.map(|(at, how)| (at.0, how)).unzip();
        Self {
            attempt: row.attempt,
            volunteer: row.volunteer.into(),
            granted_millis: row.granted.0,
            ended_millis,
            ended,
        }
    }
}
