//! All that it takes to train a verified trial once more, anywhere, and to compare.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use tabsweep_protocol::{DataRef, Numerics, Parameters, Seed, Sha256, StudyId, TrialNumber};
use tabsweep_study::TrialState;

use super::studies::find;
use crate::{app::SharedApp, problem::Problem};

/// A verified trial as a recipe: whoever follows it gets the same weights, to the bit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Reproduction {
    /// Its study.
    study: StudyId,
    /// The study's name.
    study_name: String,
    /// Its place in the study.
    trial: TrialNumber,
    /// Its setting.
    parameters: Parameters,
    /// Its randomness.
    seed: Seed,
    /// The numeric contract it was trained under: only a trainer of that version gets the same bits.
    numerics: Numerics,
    /// What it was trained on, at `/api/blobs/{sha256}`.
    data: DataRef,
    /// Fraction of the validation images classified rightly.
    validation_score: f64,
    /// SHA-256 of its weights.
    weights_sha256: Sha256,
}

/// What it takes to train a verified trial once more.
#[utoipa::path(get, path = "/api/studies/{id}/trials/{number}/reproduction",
    operation_id = "show_reproduction", tag = "trials",
    params(("id" = u32, Path, description = "The study's id"),
        ("number" = u32, Path, description = "The trial's number")),
    responses((status = 200, body = Reproduction), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Path((id, number)): Path<(u32, u32)>,
) -> Result<Json<Reproduction>, Problem> {
    let study = find(&app, id).await?;
    let number = TrialNumber(number);
    let trial = app
        .store
        .trial(study.id, number)
        .await?
        .ok_or_else(|| Problem::not_found(format!("study {id} has no trial {number} yet")))?;
    let TrialState::Verified(verified) = trial.state else {
        let detail = format!("trial {number} has no verified weights to compare with");
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "wrong_state",
            "The trial is not where this can happen",
            detail,
        ));
    };
    Ok(Json(Reproduction {
        study: study.id,
        study_name: study.study.name,
        trial: number,
        parameters: trial.parameters,
        seed: trial.seed,
        numerics: trial.numerics,
        data: study.data.for_workers(),
        validation_score: verified.scores.validation,
        weights_sha256: verified.weights_sha256,
    }))
}
