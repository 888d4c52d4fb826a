//! Big things: data sets and checkpoints in, checkpoints and weights out.

use js_sys::Uint8Array;
use tabsweep_protocol::{LeaseToken, Sha256};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, Request, RequestCache, RequestInit, Response};

use crate::turn::scope;

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
    /// What came is not what was asked for.
    #[error("expected a blob with SHA-256 {expected}, found {found}")]
    WrongHash {
        /// What was asked for.
        expected: Sha256,
        /// What came.
        found: String,
    },
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

/// The blob that `sha256` names, checked.
pub(crate) async fn blob(
    base_url: &str,
    sha256: &Sha256,
    token: &LeaseToken,
) -> Result<Vec<u8>, HttpError> {
    let init = RequestInit::new();
    // Names are hashes: what the browser has is right for ever.
    init.set_cache(RequestCache::ForceCache);
    init.set_headers(&authorization(token)?);
    let response = send(&format!("{base_url}/api/blobs/{sha256}"), &init).await?;
    let bytes = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec();
    let found = tabsweep_trainer::sha256_hex(&bytes);
    if found != sha256.as_str() {
        return Err(HttpError::WrongHash {
            expected: sha256.clone(),
            found,
        });
    }
    Ok(bytes)
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
