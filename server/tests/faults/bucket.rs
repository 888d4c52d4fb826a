//! As much of an S3-compatible store as blobs need, in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

/// The objects by bucket and key.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Bucket {
    /// Serves from now on; the address.
    pub async fn serve(&self) -> String {
        let object = get(read).put(write).delete(remove);
        let router = Router::new()
            .route("/{*key}", object)
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    /// How many objects there are whose keys begin so.
    pub fn count(&self, prefix: &str) -> usize {
        let objects = self.objects.lock().unwrap();
        objects.keys().filter(|key| key.starts_with(prefix)).count()
    }
}

fn is_signed(headers: &HeaderMap) -> bool {
    let signature = headers.get(header::AUTHORIZATION);
    let signature = signature.and_then(|signature| signature.to_str().ok());
    signature.is_some_and(|text| text.starts_with("AWS4-HMAC-SHA256 Credential=key/"))
}

const TAG: (header::HeaderName, &str) = (header::ETAG, "\"tag\"");

async fn read(
    State(bucket): State<Bucket>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_signed(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let modified = (header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT");
    match bucket.objects.lock().unwrap().get(&key) {
        Some(object) => ([TAG, modified], Body::from(object.clone())).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn write(
    State(bucket): State<Bucket>,
    Path(key): Path<String>,
    headers: HeaderMap,
    object: Bytes,
) -> Response {
    if !is_signed(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    bucket.objects.lock().unwrap().insert(key, object);
    [TAG].into_response()
}

async fn remove(State(bucket): State<Bucket>, Path(key): Path<String>) -> StatusCode {
    bucket.objects.lock().unwrap().remove(&key);
    StatusCode::NO_CONTENT
}
