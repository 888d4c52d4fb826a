//! Pretrained models: list, add, remove.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::Sha256;
use tabsweep_vision::{Architecture, BundleError, DescriptionError};

use super::auth::require_admin;
use crate::{
    app::SharedApp,
    bundles::{self, AddBundleError, NewBundle},
    problem::Problem,
    store::StoredBundle,
};

/// Most bytes of a bundle as it is sent: of four, three are weights.
pub(super) const BYTES: usize = 256 << 20;

/// A pretrained model and where its files are: each at `/api/blobs/{sha256}`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BundleView {
    /// What names it: the SHA-256 of what `sha256sum model.toml labels.txt weights.safetensors`
    /// prints.
    sha256: Sha256,
    /// What people call it.
    name: String,
    /// `mobilenet_v1` or `lenet`.
    architecture: &'static str,
    /// Columns of its input.
    width: usize,
    /// Rows of its input.
    height: usize,
    /// 3 for colours, 1 for grey.
    channels: usize,
    /// Number of classes.
    classes: u32,
    /// Who trained it, and on what.
    source: String,
    /// What one may do with it.
    licence: String,
    /// Its `model.toml`.
    description_sha256: Sha256,
    /// Its `labels.txt`.
    labels_sha256: Sha256,
    /// Its `weights.safetensors`.
    weights_sha256: Sha256,
    /// Bytes of the weights.
    weights_bytes: u64,
    /// Since when it is here, in milliseconds since 1970.
    added_millis: i64,
}

/// A bundle's three files.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleContents {
    /// Which network, what it is shown, whose it is.
    #[serde(rename = "model.toml")]
    description: String,
    /// The name of each class, one a line.
    #[serde(rename = "labels.txt")]
    labels: String,
    /// Its tensors, in base64.
    #[serde(rename = "weights.safetensors")]
    weights: String,
}

/// Pretrained models, the one added last first.
#[utoipa::path(get, path = "/api/bundles", operation_id = "list_bundles", tag = "models",
    responses((status = 200, body = Vec<BundleView>)))]
pub(super) async fn list(State(app): State<SharedApp>) -> Result<Json<Vec<BundleView>>, Problem> {
    let bundles = app.store.bundles().await?;
    Ok(Json(bundles.into_iter().map(BundleView::from).collect()))
}

/// Adds a pretrained model. One that is here already stays as it is.
#[utoipa::path(post, path = "/api/bundles", operation_id = "add_bundle", tag = "models",
    request_body(content = BundleContents),
    responses((status = 201, body = BundleView), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 413, body = Problem),
        (status = 507, body = Problem)))]
pub(super) async fn add(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    text: String,
) -> Result<(StatusCode, Json<BundleView>), Problem> {
    require_admin(&app, &headers)?;
    let contents: BundleContents = serde_json::from_str(&text).map_err(Problem::bad_request)?;
    let weights = BASE64_STANDARD.decode(&contents.weights);
    let new = NewBundle {
        description: contents.description.into_bytes(),
        labels: contents.labels.into_bytes(),
        weights: weights.map_err(|error| {
            Problem::bad_request(format!("weights.safetensors is no base64: {error}"))
        })?,
    };
    Ok((
        StatusCode::CREATED,
        Json(bundles::add(&app, new).await?.into()),
    ))
}

/// Removes a pretrained model that no job needs which has not ended.
#[utoipa::path(delete, path = "/api/bundles/{sha256}", operation_id = "remove_bundle", tag = "models",
    params(("sha256" = String, Path, description = "What names it, 64 hexadecimal digits")),
    responses((status = 200, body = BundleView), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn remove(
    State(app): State<SharedApp>,
    Path(sha256): Path<String>,
    headers: HeaderMap,
) -> Result<Json<BundleView>, Problem> {
    require_admin(&app, &headers)?;
    let sha256: Sha256 = sha256.parse().map_err(Problem::bad_request)?;
    Ok(Json(bundles::remove(&app, &sha256).await?.into()))
}

impl From<AddBundleError> for Problem {
    fn from(error: AddBundleError) -> Self {
        match error {
            AddBundleError::Bundle { source } => source.into(),
            AddBundleError::Blob { source } => source.into(),
            AddBundleError::Store { source } => source.into(),
        }
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        let title = "The bundle has an error";
        let problem = Self::new(StatusCode::BAD_REQUEST, "bad_bundle", title, &error);
        match error {
            BundleError::Description(DescriptionError::Syntax { line, column, .. }) => {
                problem.at(line, column)
            }
            _ => problem,
        }
    }
}

impl From<StoredBundle> for BundleView {
    fn from(bundle: StoredBundle) -> Self {
        let description = bundle.description;
        Self {
            sha256: bundle.sha256,
            name: description.name,
            architecture: match description.architecture {
                Architecture::MobilenetV1 { .. } => "mobilenet_v1",
                Architecture::Lenet { .. } => "lenet",
            },
            width: description.input.width,
            height: description.input.height,
            channels: description.input.channels,
            classes: bundle.classes,
            source: description.provenance.source,
            licence: description.provenance.licence,
            description_sha256: bundle.description_sha256,
            labels_sha256: bundle.labels_sha256,
            weights_sha256: bundle.weights.sha256,
            weights_bytes: bundle.weights.bytes,
            added_millis: bundle.added.0,
        }
    }
}
