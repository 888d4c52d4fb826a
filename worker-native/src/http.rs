//! Big things: data sets and checkpoints in, checkpoints and weights out.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use tabsweep_protocol::{LabelLease, LeaseToken, Sha256};
use tabsweep_trainer::sha256_hex;

use crate::Address;

/// How long bytes may travel. A request that hangs would keep its worker for ever.
const WITHIN: Duration = Duration::from_secs(300);

/// Why bytes did not travel.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The server can't be reached.
    #[error("the server can't be reached: {source}")]
    Unreachable {
        /// Why not.
        #[from]
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("the server answered {status}: {detail}")]
    Status {
        /// HTTP status.
        status: StatusCode,
        /// Its words.
        detail: String,
    },
    /// More came than was announced.
    #[error("more than the announced {most} bytes came")]
    TooLong {
        /// What was announced, or is the most that a checkpoint may have.
        most: usize,
    },
    /// Something else came than was asked for.
    #[error("expected bytes with SHA-256 {expected}, received {received}")]
    WrongHash {
        /// What was asked for.
        expected: Sha256,
        /// What came.
        received: String,
    },
}

impl HttpError {
    /// Whether trying again is useless: the server understood, and said no.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Status { status, .. } = self else {
            return false;
        };
        status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429)
    }
}

/// The way to one server.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    address: Address,
}

impl Http {
    pub(crate) fn new(address: Address) -> Result<Self, HttpError> {
        // `ring` builds in seconds where reqwest's own choice takes minutes. An error means that a
        // provider has been set already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(WITHIN).build()?;
        Ok(Self { client, address })
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.address))
    }

    /// The bytes that `sha256` names, checked.
    pub(crate) async fn blob(
        &self,
        sha256: &Sha256,
        token: &LeaseToken,
        most: usize,
    ) -> Result<Vec<u8>, HttpError> {
        let request = self.get(&format!("/api/blobs/{sha256}")).bearer_auth(token);
        let bytes = receive(answer(request).await?, most).await?;
        let received = sha256_hex(&bytes);
        if received == sha256.as_str() {
            return Ok(bytes);
        }
        Err(HttpError::WrongHash {
            expected: sha256.clone(),
            received,
        })
    }

    /// The pictures of a chunk.
    pub(crate) async fn pictures(&self, lease: &LabelLease) -> Result<Vec<u8>, HttpError> {
        let LabelLease { job, chunk, .. } = lease;
        let path = format!("/api/jobs/{job}/chunks/{chunk}");
        let request = self.get(&path).bearer_auth(&lease.token);
        let most = usize::try_from(lease.bytes).unwrap_or(usize::MAX);
        receive(answer(request).await?, most).await
    }

    /// Uploads bytes under their hash.
    pub(crate) async fn upload(
        &self,
        sha256: &Sha256,
        token: &LeaseToken,
        bytes: Vec<u8>,
    ) -> Result<(), HttpError> {
        let url = format!("{}/api/uploads/{sha256}", self.address);
        let request = self.client.put(url).bearer_auth(token).body(bytes);
        answer(request).await.map(drop)
    }
}

/// The answer, if it is a good one.
pub(crate) async fn answer(request: RequestBuilder) -> Result<Response, HttpError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    Err(HttpError::Status {
        status,
        detail: text.chars().take(300).collect(),
    })
}

/// Reads the body, but not without end.
async fn receive(mut response: Response, most: usize) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if bytes.len() + piece.len() > most {
            return Err(HttpError::TooLong { most });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
