//! Pretrained models: list, add.

use axum::{
    Json,
    extract::{FromRequest, Multipart, Request, State, multipart::MultipartError},
    http::StatusCode,
};
use serde::Serialize;
use tabsweep_protocol::Sha256;
use tabsweep_vision::{Architecture, BundleError, DescriptionError};

use super::auth::require_admin;
use crate::{
    app::SharedApp,
    bundles::{self, AddBundleError, NewBundle},
    problem::Problem,
    store::StoredBundle,
};

/// Most bytes of a bundle, all three files together.
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
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "says only what the form holds")]
pub struct BundleForm {
    /// Which network, what it is shown, whose it is.
    #[schema(rename = "model.toml", value_type = String, format = Binary)]
    description: Vec<u8>,
    /// The name of each class, one a line.
    #[schema(rename = "labels.txt", value_type = String, format = Binary)]
    labels: Vec<u8>,
    /// Its tensors.
    #[schema(rename = "weights.safetensors", value_type = String, format = Binary)]
    weights: Vec<u8>,
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
    request_body(content = BundleForm, content_type = "multipart/form-data"),
    responses((status = 201, body = BundleView), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 413, body = Problem),
        (status = 507, body = Problem)))]
pub(super) async fn add(
    State(app): State<SharedApp>,
    request: Request,
) -> Result<(StatusCode, Json<BundleView>), Problem> {
    require_admin(&app, request.headers())?;
    let form = Multipart::from_request(request, &()).await;
    let new = read(form.map_err(Problem::bad_request)?).await?;
    let bundle = bundles::add(&app, new).await?;
    Ok((StatusCode::CREATED, Json(bundle.into())))
}

async fn read(mut form: Multipart) -> Result<NewBundle, Problem> {
    let mut new = NewBundle::default();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default();
        let file = match name {
            "model.toml" => &mut new.description,
            "labels.txt" => &mut new.labels,
            "weights.safetensors" => &mut new.weights,
            name => {
                let expected = "expected model.toml, labels.txt and weights.safetensors";
                return Err(Problem::bad_request(format!("found `{name}`, {expected}")));
            }
        };
        *file = field.bytes().await.map_err(broken)?.to_vec();
    }
    Ok(new)
}

fn broken(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let title = "The bundle is too large";
        let detail = format!("at most {BYTES} bytes");
        return Problem::new(error.status(), "too_large", title, detail);
    }
    Problem::bad_request(error.body_text())
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
