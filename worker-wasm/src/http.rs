//! Big things: data sets and checkpoints in, checkpoints and weights out.

use js_sys::Uint8Array;
use tabsweep_protocol::{BlobRef, LabelLease, LeaseToken, Sha256, limits::UPLOAD_BYTES};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Headers, ReadableStreamDefaultReader, ReadableStreamReadResult, Request,
    RequestCache, RequestInit, Response,
};

use crate::{
    arrival::{Arrival, ArrivalError},
    turn::scope,
};

/// Why bytes did not travel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The server can't be reached.
    #[error("the server can't be reached: {0}")]
    Unreachable(String),
    /// The server said no.
    #[error("the server answered {status}: {detail}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Its words.
        detail: String,
    },
    /// What came can't be kept.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
}

impl HttpError {
    /// Whether trying again is useless: the server understood, and said no.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 400..=499,
                ..
            }
        ) && !matches!(
            self,
            Self::Status {
                status: 408 | 425 | 429,
                ..
            }
        )
    }
}

impl From<JsValue> for HttpError {
    fn from(value: JsValue) -> Self {
        let error = value.dyn_ref::<js_sys::Error>();
        Self::Unreachable(
            error.map_or_else(|| format!("{value:?}"), |error| error.message().into()),
        )
    }
}

/// A part of a data set, checked.
pub(crate) async fn data(
    base_url: &str,
    blob: &BlobRef,
    token: &LeaseToken,
) -> Result<Vec<u8>, HttpError> {
    let response = blob_response(base_url, &blob.sha256, token).await?;
    // What no memory holds is refused as such.
    let bytes = usize::try_from(blob.bytes).unwrap_or(usize::MAX);
    let arrival = Arrival::new(bytes, bytes)?;
    receive(&response, arrival, &blob.sha256).await
}

/// The pictures of a chunk.
pub(crate) async fn pictures(base_url: &str, lease: &LabelLease) -> Result<Vec<u8>, HttpError> {
    let LabelLease { job, chunk, .. } = lease;
    let init = RequestInit::new();
    init.set_headers(&authorization(&lease.token)?);
    let url = format!("{base_url}/api/jobs/{job}/chunks/{chunk}");
    let response = send(&url, &init).await?;
    let bytes = usize::try_from(lease.bytes).unwrap_or(usize::MAX);
    let arrival = arrive(&response, Arrival::new(bytes, bytes)?).await?;
    Ok(arrival.unchecked())
}

/// A checkpoint, checked.
pub(crate) async fn checkpoint(
    base_url: &str,
    sha256: &Sha256,
    token: &LeaseToken,
) -> Result<Vec<u8>, HttpError> {
    let response = blob_response(base_url, sha256, token).await?;
    let arrival = Arrival::new(announced_bytes(&response).unwrap_or(0), UPLOAD_BYTES)?;
    receive(&response, arrival, sha256).await
}

async fn blob_response(
    base_url: &str,
    sha256: &Sha256,
    token: &LeaseToken,
) -> Result<Response, HttpError> {
    let init = RequestInit::new();
    // Names are hashes: what the browser has is right for ever.
    init.set_cache(RequestCache::ForceCache);
    init.set_headers(&authorization(token)?);
    send(&format!("{base_url}/api/blobs/{sha256}"), &init).await
}

/// How long the body is, if the server said so. What it says of a packed one is of no use here.
fn announced_bytes(response: &Response) -> Option<usize> {
    let header = |name| response.headers().get(name).ok().flatten();
    match header("content-encoding") {
        Some(_) => None,
        None => header("content-length")?.parse().ok(),
    }
}

/// Reads the body piece by piece: in one piece it would be in memory twice, outside wasm's and in it.
async fn receive(
    response: &Response,
    arrival: Arrival,
    sha256: &Sha256,
) -> Result<Vec<u8>, HttpError> {
    Ok(arrive(response, arrival).await?.finish(sha256)?)
}

async fn arrive(response: &Response, mut arrival: Arrival) -> Result<Arrival, HttpError> {
    if let Some(body) = response.body() {
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        while let Some(piece) = next_piece(&reader).await? {
            let taken = arrival.take(piece.length() as usize, |room| piece.copy_to(room));
            if let Err(error) = taken {
                // The rest is not wanted; when it stops coming concerns nobody here.
                drop(reader.cancel());
                return Err(error.into());
            }
        }
    }
    Ok(arrival)
}

async fn next_piece(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, HttpError> {
    let read = JsFuture::from(reader.read()).await?;
    let read: ReadableStreamReadResult = read.unchecked_into();
    let is_end = read.get_done() == Some(true);
    Ok((!is_end).then(|| read.get_value().unchecked_into()))
}

/// Uploads bytes under their hash.
pub(crate) async fn upload(
    base_url: &str,
    sha256: &Sha256,
    token: &LeaseToken,
    bytes: &[u8],
) -> Result<(), HttpError> {
    let init = RequestInit::new();
    init.set_method("PUT");
    init.set_headers(&authorization(token)?);
    init.set_body(&Uint8Array::from(bytes));
    send(&format!("{base_url}/api/uploads/{sha256}"), &init)
        .await
        .map(drop)
}

fn authorization(token: &LeaseToken) -> Result<JsValue, HttpError> {
    let headers = Headers::new()?;
    headers.set("authorization", &format!("Bearer {token}"))?;
    Ok(headers.into())
}

/// How long bytes may travel. A request that hangs would keep its worker for ever.
const WITHIN_MILLIS: u32 = 300_000;

async fn send(url: &str, init: &RequestInit) -> Result<Response, HttpError> {
    init.set_signal(Some(&AbortSignal::timeout_with_u32(WITHIN_MILLIS)));
    let request = Request::new_with_str_and_init(url, init)?;
    let response = JsFuture::from(scope().fetch_with_request(&request)).await?;
    let response: Response = response.dyn_into()?;
    if response.ok() {
        return Ok(response);
    }
    let text = JsFuture::from(response.text()?).await?;
    let detail = text
        .as_string()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect();
    Err(HttpError::Status {
        status: response.status(),
        detail,
    })
}
