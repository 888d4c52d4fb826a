//! Checkpoints and weights on their way in, under a lease's token.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use tabsweep_protocol::{LeaseToken, Sha256, limits::UPLOAD_BYTES};

use super::auth::bearer;
use crate::{app::SharedApp, blobs::BlobError, problem::Problem};

/// Uploads the bytes that `sha256` names. Needs the token of a lease whose trial has not ended.
#[utoipa::path(put, path = "/api/uploads/{sha256}", operation_id = "upload_blob", tag = "blobs",
    params(("sha256" = String, Path, description = "SHA-256, 64 hexadecimal digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "Stored"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 507, body = Problem)))]
pub(super) async fn upload(
    State(app): State<SharedApp>,
    Path(sha256): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let sha256: Sha256 = sha256.parse().map_err(Problem::bad_request)?;
    let token: LeaseToken = bearer(&headers)?.parse().map_err(Problem::unauthorized)?;
    let lease = app.store.lease(&token).await?;
    let trial = app.store.trial(lease.study, lease.number).await?;
    if trial.is_none_or(|trial| trial.state.has_ended()) {
        let title = "The trial has ended";
        let detail = "nothing more is expected for this lease";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "trial_ended",
            title,
            detail,
        ));
    }
    let bytes = body.map_err(|error| too_large_or_broken(&error))?;
    let _arriving = app.uploads_lock.read().await;
    let (blobs, name) = (app.uploads.clone(), sha256.clone());
    let stored = tokio::task::spawn_blocking(move || blobs.put_named(&name, &bytes)).await;
    let blob = stored.map_err(|error| Problem::internal(&error))??;
    app.store
        .add_upload(&token, &sha256, blob.bytes, app.clock.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn too_large_or_broken(error: &BytesRejection) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("at most {UPLOAD_BYTES} bytes");
        let title = "The upload is too large";
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title, detail);
    }
    Problem::bad_request(error.body_text())
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::WrongHash { .. } => Self::bad_request(error),
            BlobError::Io { .. } if error.is_disk_full() => {
                tracing::error!("{error}");
                Self::disk_full("try again later; the operator has to make room")
            }
            BlobError::Io { .. } => Self::internal(&error),
        }
    }
}

/// Uploads are larger than anything else that the server takes.
pub(super) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(UPLOAD_BYTES)
}
