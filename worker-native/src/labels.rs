//! Pictures in a worker's hands: fetching them and their model, and how long a slice of labelling is.

use std::time::{Duration, Instant};

use tabsweep_labelling::{ChunkFiles, Labeller, LabellerError};
use tabsweep_protocol::LabelLease;

use crate::http::{Http, HttpError};

/// When a slice ends.
const SLICE: Duration = Duration::from_millis(200);

/// Fetches pictures, and their model's files where `has_model` says that these are missing.
pub(crate) async fn fetch(
    http: &Http,
    lease: &LabelLease,
    has_model: bool,
) -> Result<ChunkFiles, HttpError> {
    let model = async {
        match has_model {
            true => Ok(None),
            false => fetch_model(http, lease).await.map(Some),
        }
    };
    let (model, pack) = tokio::try_join!(model, http.pictures(lease))?;
    Ok(ChunkFiles { model, pack })
}

async fn fetch_model(http: &Http, lease: &LabelLease) -> Result<Vec<Vec<u8>>, HttpError> {
    let mut files = Vec::new();
    for file in lease.model.files() {
        let most = usize::try_from(file.bytes).unwrap_or(usize::MAX);
        files.push(http.blob(&file.sha256, &lease.token, most).await?);
    }
    Ok(files)
}

/// Labels for a slice; how many pictures have their labels then.
pub(crate) fn advance(labeller: &mut Labeller) -> Result<u32, LabellerError> {
    let began = Instant::now();
    labeller.advance(|| began.elapsed() < SLICE)
}
