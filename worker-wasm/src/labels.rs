//! Pictures in a worker's hands: fetching them and their model, and how long a slice of labelling is.

use futures_util::future::try_join;
use tabsweep_labelling::{ChunkFiles, Labeller, LabellerError};
use tabsweep_protocol::LabelLease;

use crate::{
    http::{self, HttpError},
    pacing::Cost,
    preparation::NotReady,
    turn::now_millis,
};

/// When a slice ends. A large photo alone may overrun it.
const SLICE_MILLIS: f64 = 50.0;

/// Fetches pictures, and their model's files where `has_model` says that these are missing.
pub(crate) async fn fetch(
    base_url: &str,
    lease: &LabelLease,
    has_model: bool,
) -> Result<ChunkFiles, HttpError> {
    let model = async {
        match has_model {
            true => Ok(None),
            false => fetch_model(base_url, lease).await.map(Some),
        }
    };
    let (model, pack) = try_join(model, http::pictures(base_url, lease)).await?;
    Ok(ChunkFiles { model, pack })
}

async fn fetch_model(base_url: &str, lease: &LabelLease) -> Result<Vec<Vec<u8>>, HttpError> {
    let mut files = Vec::new();
    for file in lease.model.files() {
        files.push(http::data(base_url, file, &lease.token).await?);
    }
    Ok(files)
}

/// Labels for a slice; how many pictures have their labels then, and what it cost.
pub(crate) fn advance(labeller: &mut Labeller) -> Result<(u32, Cost), NotReady> {
    let began_millis = now_millis();
    let pictures = labeller.advance(|| now_millis() < began_millis + SLICE_MILLIS)?;
    // Pictures differ too much in size for their speed to say whether the machine is busy.
    let cost = Cost {
        images: 0,
        stepping_millis: 0.0,
        millis: now_millis() - began_millis,
    };
    Ok((pictures, cost))
}

impl From<LabellerError> for NotReady {
    fn from(error: LabellerError) -> Self {
        Self::Trainer(error.to_string())
    }
}
