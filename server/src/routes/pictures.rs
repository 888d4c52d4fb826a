//! Pictures on their way in, many at a time, for labelling jobs. Whether they are pictures at all is
//! found out by whoever labels them.

use axum::{Json, body::Bytes, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{BlobRef, PackError, Sha256, pack};

use super::auth::require_admin;
use crate::{app::SharedApp, problem::Problem, secret::sha256_hex};

/// Names of pictures.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PictureHashes {
    /// Their SHA-256.
    sha256: Vec<Sha256>,
}

/// Which of some pictures are not here yet.
#[utoipa::path(post, path = "/api/pictures/missing", operation_id = "missing_pictures", tag = "jobs",
    request_body = PictureHashes,
    responses((status = 200, body = PictureHashes), (status = 401, body = Problem)))]
pub(super) async fn missing(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    Json(known): Json<PictureHashes>,
) -> Result<Json<PictureHashes>, Problem> {
    require_admin(&app, &headers)?;
    let sha256 = app.store.missing_pictures(&known.sha256).await?;
    Ok(Json(PictureHashes { sha256 }))
}

/// Uploads pictures. The body has each after its length: four bytes, the least significant first.
#[utoipa::path(post, path = "/api/pictures", operation_id = "upload_pictures", tag = "jobs",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Vec<BlobRef>), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 413, body = Problem),
        (status = 507, body = Problem)))]
pub(super) async fn upload(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Vec<BlobRef>>, Problem> {
    require_admin(&app, &headers)?;
    let _nothing_is_deleted = app.data_lock.read().await;
    let blobs = app.data.clone();
    let kept = tokio::task::spawn_blocking(move || {
        let named = named(&body)?;
        let kept = blobs.put_named_together(&named);
        Ok::<_, PackError>(kept.into_iter().collect::<Result<Vec<_>, _>>())
    });
    let kept = kept.await.map_err(|error| Problem::internal(&error))?;
    let kept = kept.map_err(Problem::bad_request)??;
    let rows: Vec<_> = kept
        .iter()
        .map(|blob| (blob.sha256.clone(), blob.bytes))
        .collect();
    app.store.add_pictures(&rows, app.clock.now()).await?;
    Ok(Json(kept))
}

fn named(body: &Bytes) -> Result<Vec<(Sha256, Bytes)>, PackError> {
    let name = |picture: &[u8]| {
        let sha256 = sha256_hex(picture);
        let sha256 = sha256.parse().expect("a SHA-256 is 64 digits");
        (sha256, body.slice_ref(picture))
    };
    Ok(pack::split(body)?.into_iter().map(name).collect())
}
