//! Checkpoints and weights on their way in, under a lease's token.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::LengthLimitError;
use tabsweep_protocol::{LeaseToken, Sha256, limits::UPLOAD_BYTES};
use tokio::time::timeout;

use super::auth::bearer;
use crate::{
    app::{App, SharedApp},
    blobs::BlobError,
    problem::Problem,
    store::{StoreError, Uploads},
};

/// What one lease may have on disk; what no trial needs is deleted after a while.
const QUOTA_BYTES: u64 = 1 << 30;
/// The slowest connection that is waited for: 64 MiB in five minutes are 2 Mbit/s.
const ARRIVES_WITHIN: Duration = Duration::from_secs(300);

/// Uploads the bytes that `sha256` names. Needs the token of a lease whose trial or chunk has not
/// ended.
#[utoipa::path(put, path = "/api/uploads/{sha256}", operation_id = "upload_blob", tag = "blobs",
    params(("sha256" = String, Path, description = "SHA-256, 64 hexadecimal digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "Stored"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 507, body = Problem)))]
pub(super) async fn upload(
    State(app): State<SharedApp>,
    Path(sha256): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let sha256: Sha256 = sha256.parse().map_err(Problem::bad_request)?;
    let token: LeaseToken = bearer(request.headers())?
        .parse()
        .map_err(Problem::unauthorized)?;
    let (is_for_chunk, uploads) = uploads_of(&app, &token).await?;
    if uploads.trial_has_ended {
        let title = "The trial has ended";
        let detail = "nothing more is expected for this lease";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "trial_ended",
            title,
            detail,
        ));
    }
    if uploads.bytes >= QUOTA_BYTES {
        let title = "The lease has uploaded too much";
        let detail = format!("at most {QUOTA_BYTES} bytes that are still kept");
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "quota",
            title,
            detail,
        ));
    }
    // Nothing of the body has been read yet: strangers can't fill the memory.
    let _place = app
        .arriving_mib
        .acquire_many(mebibytes(request.headers()))
        .await
        .map_err(|error| Problem::internal(&error))?;
    let arrived = timeout(ARRIVES_WITHIN, to_bytes(request.into_body(), UPLOAD_BYTES)).await;
    let bytes = arrived
        .map_err(|_| too_slow())?
        .map_err(|error| too_large_or_broken(&error))?;
    let _kept = app.uploads_lock.read().await;
    let blob = app.arrivals.keep(sha256.clone(), bytes).await?;
    let now = app.clock.now();
    match is_for_chunk {
        true => {
            app.store
                .add_answers(&token, &sha256, blob.bytes, now)
                .await?
        }
        false => {
            app.store
                .add_upload(&token, &sha256, blob.bytes, now)
                .await?;
            app.roster.uploaded(&token, blob.bytes);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a lease is one on a chunk, and what has been uploaded under it.
async fn uploads_of(app: &App, token: &LeaseToken) -> Result<(bool, Uploads), StoreError> {
    let counted = app.roster.uploaded_bytes(token);
    // Beyond that it matters which of them are still kept.
    if let Some(bytes) = counted.filter(|bytes| *bytes < QUOTA_BYTES) {
        let uploads = Uploads {
            trial_has_ended: false,
            bytes,
        };
        return Ok((false, uploads));
    }
    match app.store.uploads_of(token).await {
        Err(StoreError::NoLease { .. }) => Ok((true, app.store.answers_of(token).await?)),
        uploads => {
            let uploads = uploads?;
            app.roster.keeps(token, uploads.bytes);
            Ok((false, uploads))
        }
    }
}

/// How much memory the body may take: what it says it has, or the most that is taken.
fn mebibytes(headers: &HeaderMap) -> u32 {
    const MIB: usize = 1 << 20;
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes: usize = length.unwrap_or(UPLOAD_BYTES).min(UPLOAD_BYTES);
    u32::try_from(bytes.div_ceil(MIB).max(1)).unwrap_or(u32::MAX)
}

fn too_slow() -> Problem {
    let title = "The upload took too long";
    let detail = format!("at most {} seconds", ARRIVES_WITHIN.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", title, detail)
}

fn too_large_or_broken(error: &axum::Error) -> Problem {
    if std::error::Error::source(error).is_some_and(|source| source.is::<LengthLimitError>()) {
        let title = "The upload is too large";
        let detail = format!("at most {UPLOAD_BYTES} bytes");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title, detail);
    }
    Problem::bad_request(error)
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::WrongHash { .. } => Self::bad_request(error),
            BlobError::Io { .. } if error.is_disk_full() => {
                tracing::error!("{error}");
                Self::disk_full("try again later; the operator has to make room")
            }
            BlobError::Bucket { .. } => Self::unavailable(&error),
            BlobError::Io { .. } | BlobError::Pack { .. } => Self::internal(&error),
        }
    }
}
