//! Verified weights that pages can classify with.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Sha256, StudyId, TrialNumber};

use crate::{app::SharedApp, problem::Problem, store::ModelRow};

/// A verified trial's model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ModelView {
    /// Its study.
    study: StudyId,
    /// The study's name.
    study_name: String,
    /// Name of the data set it was trained on.
    dataset: String,
    /// Which trial.
    trial: TrialNumber,
    /// Its setting, which fixes the network's shape.
    parameters: Parameters,
    /// Number of classes.
    classes: u32,
    /// Rows of an image.
    height: u32,
    /// Columns of an image.
    width: u32,
    /// Its weights, at `/api/blobs/{sha256}`.
    weights_sha256: Sha256,
    /// Fraction of the validation images classified rightly.
    validation_score: f64,
    /// Fraction of the test images classified rightly.
    test_score: f64,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ModelsQuery {
    /// Most models, up to 200.
    #[serde(default = "twenty")]
    limit: u32,
}

fn twenty() -> u32 {
    20
}

/// The best verified models of all studies, best first.
#[utoipa::path(get, path = "/api/models", operation_id = "list_models", tag = "models", params(ModelsQuery),
    responses((status = 200, body = Vec<ModelView>)))]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Query(query): Query<ModelsQuery>,
) -> Result<Json<Vec<ModelView>>, Problem> {
    let models = app.store.models(query.limit.min(200)).await?;
    Ok(Json(models.into_iter().map(ModelView::from).collect()))
}

/// The model with these weights, however it ranks.
#[utoipa::path(get, path = "/api/models/{sha256}", operation_id = "show_model", tag = "models",
    params(("sha256" = String, Path, description = "SHA-256 of its weights, 64 hexadecimal digits")),
    responses((status = 200, body = ModelView), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Path(sha256): Path<String>,
) -> Result<Json<ModelView>, Problem> {
    let sha256: Sha256 = sha256.parse().map_err(Problem::bad_request)?;
    let model = app.store.model(&sha256).await?;
    let model = model.ok_or_else(|| Problem::not_found("no verified model has these weights"))?;
    Ok(Json(model.into()))
}

impl From<ModelRow> for ModelView {
    fn from(model: ModelRow) -> Self {
        Self {
            study: model.study.id,
            study_name: model.study.study.name,
            dataset: model.study.data.name,
            trial: model.row.trial.number,
            parameters: model.row.trial.parameters,
            classes: model.study.data.classes,
            height: model.study.data.height,
            width: model.study.data.width,
            weights_sha256: model.row.weights_sha256,
            validation_score: model.row.scores.validation,
            test_score: model.row.scores.test,
        }
    }
}
