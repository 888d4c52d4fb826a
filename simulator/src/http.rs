//! Registration, data and uploads: what a worker does over HTTP.

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tabsweep_protocol::{LeaseToken, Sha256};

/// Why the server gave no good answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It can't be reached.
    #[error(transparent)]
    Unreachable(#[from] reqwest::Error),
    /// It said no.
    #[error("the server answered {status}: {detail}")]
    Status {
        /// HTTP status.
        status: StatusCode,
        /// Its words.
        detail: String,
    },
}

impl HttpError {
    /// Whether trying again is useless.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status, .. }
            if status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429))
    }
}

/// The way to one server.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    url: String,
}

impl Http {
    /// `url` is `http://HOST:PORT`.
    pub(crate) fn new(url: String) -> Result<Self, HttpError> {
        // An error means that a provider has been set already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().tcp_nodelay(true).build()?;
        Ok(Self { client, url })
    }

    /// The address of the socket, without a scheme.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The token of a new volunteer.
    pub(crate) async fn register(&self, nickname: &str) -> Result<String, HttpError> {
        let url = format!("{}/api/volunteers", self.url);
        let request = self.client.post(url).json(&json!({ "nickname": nickname }));
        let volunteer: Value = answer(request).await?.json().await?;
        Ok(volunteer["token"].as_str().unwrap_or_default().to_owned())
    }

    /// The bytes that `sha256` names.
    pub(crate) async fn blob(
        &self,
        sha256: &Sha256,
        token: &LeaseToken,
    ) -> Result<Vec<u8>, HttpError> {
        let url = format!("{}/api/blobs/{sha256}", self.url);
        let response = answer(self.client.get(url).bearer_auth(token)).await?;
        Ok(response.bytes().await?.to_vec())
    }

    /// An answer of the API.
    pub(crate) async fn ask(&self, path: &str) -> Result<Value, HttpError> {
        let url = format!("{}{path}", self.url);
        Ok(answer(self.client.get(url)).await?.json().await?)
    }

    /// Uploads bytes under their hash.
    pub(crate) async fn upload(
        &self,
        sha256: &Sha256,
        token: &LeaseToken,
        bytes: Vec<u8>,
    ) -> Result<(), HttpError> {
        let url = format!("{}/api/uploads/{sha256}", self.url);
        answer(self.client.put(url).bearer_auth(token).body(bytes))
            .await
            .map(drop)
    }
}

async fn answer(request: RequestBuilder) -> Result<Response, HttpError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let detail = text.chars().take(300).collect();
    Err(HttpError::Status { status, detail })
}
