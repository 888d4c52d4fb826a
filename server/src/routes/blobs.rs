//! Bytes by hash: data sets, verified weights and bundles for everybody, checkpoints for who goes on with
//! them. Test labels for nobody.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tabsweep_protocol::{LeaseToken, Sha256};

use super::auth::bearer;
use crate::{
    app::{App, SharedApp},
    blobs::{BlobError, Blobs},
    problem::Problem,
    store::StoredJob,
};

/// A blob. A checkpoint needs the token of a lease on its trial.
#[utoipa::path(get, path = "/api/blobs/{sha256}", operation_id = "show_blob", tag = "blobs",
    params(("sha256" = String, Path, description = "SHA-256, 64 hexadecimal digits")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "The browser has it already"),
        (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Path(sha256): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sha256: Sha256 = sha256.parse().map_err(Problem::bad_request)?;
    let etag = format!("\"{sha256}\"");
    let access = access(&app, &sha256, &headers).await?;
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| *known == *etag.as_str())
    {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let (blobs, is_public) = match access {
        Access::Data => (app.data.clone(), true),
        Access::Weights => (app.uploads.clone(), true),
        Access::Checkpoint => (app.uploads.clone(), false),
    };
    let takes_gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    let found = tokio::task::spawn_blocking(move || read(&blobs, &sha256, takes_gzip)).await;
    let (bytes, is_packed) = found
        .map_err(|error| Problem::internal(&error))?
        .map_err(|error| Problem::internal(&error))?
        .ok_or_else(unknown)?;
    Ok(response(bytes, is_packed, is_public, &etag))
}

enum Access {
    Data,
    Weights,
    Checkpoint,
}

async fn access(app: &App, sha256: &Sha256, headers: &HeaderMap) -> Result<Access, Problem> {
    if app.store.is_study_data(sha256).await? || app.store.is_bundle_file(sha256).await? {
        return Ok(Access::Data);
    }
    if app.store.is_verified_weights(sha256).await? {
        return Ok(Access::Weights);
    }
    let token: LeaseToken = bearer(headers)
        .map_err(|_| unknown())?
        .parse()
        .map_err(|_| unknown())?;
    if let Some(access) = model_access(app, sha256, &token).await? {
        return Ok(access);
    }
    let lease = app.store.lease(&token).await.map_err(|_| unknown())?;
    let trial = app.store.trial(lease.study, lease.number).await?;
    let checkpoint = trial.and_then(|trial| trial.checkpoint);
    if checkpoint.is_some_and(|checkpoint| checkpoint.sha256 == *sha256) {
        return Ok(Access::Checkpoint);
    }
    Err(unknown())
}

/// The model of a labelling job is for whoever labels its pictures.
async fn model_access(
    app: &App,
    sha256: &Sha256,
    token: &LeaseToken,
) -> Result<Option<Access>, Problem> {
    let Some(lease) = app.store.chunk_lease(token).await? else {
        return Ok(None);
    };
    let job = app.store.job(lease.job).await?;
    let is_model = |job: &StoredJob| {
        let files = job.definition.model.files();
        files.into_iter().any(|file| file.sha256 == *sha256)
    };
    Ok(job.filter(is_model).map(|_| Access::Data))
}

/// The same for what does not exist and for what one may not have: hashes are no oracle.
fn unknown() -> Problem {
    Problem::not_found("no blob with this hash is here for you")
}

fn read(
    blobs: &Blobs,
    sha256: &Sha256,
    takes_gzip: bool,
) -> Result<Option<(Vec<u8>, bool)>, BlobError> {
    if takes_gzip && let Some(packed) = blobs.get_packed(sha256)? {
        return Ok(Some((packed, true)));
    }
    Ok(blobs.get(sha256)?.map(|bytes| (bytes, false)))
}

fn response(bytes: Vec<u8>, is_packed: bool, is_public: bool, etag: &str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    let cache = if is_public {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(etag).expect("hexadecimal digits"),
    );
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
