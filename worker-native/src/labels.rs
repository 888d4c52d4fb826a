//! Pictures in a worker's hands: fetching them and their model, and labelling a slice at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tabsweep_labelling::{Classifier, Labelling, LabellingError};
use tabsweep_protocol::{BlobRef, LabelLease, LabelModel};

use crate::http::{Http, HttpError};

/// When a slice ends.
const SLICE: Duration = Duration::from_millis(200);

/// What a chunk needs.
#[derive(Debug)]
pub(crate) struct FetchedLabels {
    /// None where the worker has the model.
    weights: Option<Vec<u8>>,
    pack: Vec<u8>,
}

/// Fetches pictures, and the weights of their model where `has_model` says that they are missing.
pub(crate) async fn fetch(
    http: &Http,
    lease: &LabelLease,
    has_model: bool,
) -> Result<FetchedLabels, HttpError> {
    let weights = async {
        let LabelModel::Trial { weights, .. } = &lease.model;
        match has_model {
            true => Ok(None),
            false => fetch_weights(http, lease, weights).await.map(Some),
        }
    };
    let (weights, pack) = tokio::try_join!(weights, http.pictures(lease))?;
    Ok(FetchedLabels { weights, pack })
}

async fn fetch_weights(
    http: &Http,
    lease: &LabelLease,
    weights: &BlobRef,
) -> Result<Vec<u8>, HttpError> {
    let most = usize::try_from(weights.bytes).unwrap_or(usize::MAX);
    http.blob(&weights.sha256, &lease.token, most).await
}

/// A worker's model and the pictures that it labels.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// The model used last: jobs have many chunks.
    model: Option<(LabelModel, Arc<Classifier>)>,
    labelling: Option<Labelling>,
}

impl Labels {
    pub(crate) fn has_model(&self, model: &LabelModel) -> bool {
        matches!(&self.model, Some((known, _)) if known == model)
    }

    /// Begins with a chunk.
    ///
    /// # Errors
    /// It can't be labelled here, and why.
    pub(crate) fn begin(
        &mut self,
        lease: &LabelLease,
        fetched: FetchedLabels,
    ) -> Result<(), String> {
        if let Some(weights) = fetched.weights {
            let classifier = Classifier::new(&lease.model, &weights);
            let classifier = classifier.map_err(|error| error.to_string())?;
            self.model = Some((lease.model.clone(), Arc::new(classifier)));
        }
        let Some((_, classifier)) = &self.model else {
            return Err("the model is missing".to_owned());
        };
        let (pictures, top) = (lease.pictures as usize, lease.top as usize);
        let labelling = Labelling::new(classifier.clone(), fetched.pack, pictures, top);
        self.labelling = Some(labelling.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Labels for a slice; how many pictures have their labels then.
    pub(crate) fn advance(&mut self) -> Result<u32, LabellingError> {
        let began = Instant::now();
        let Some(labelling) = &mut self.labelling else {
            return Ok(0);
        };
        while !labelling.is_done() && began.elapsed() < SLICE {
            labelling.advance()?;
        }
        Ok(labelling.labelled() as u32)
    }

    /// The labels, as they are uploaded.
    pub(crate) fn answers(&self) -> Option<Vec<u8>> {
        self.labelling
            .as_ref()
            .map(|labelling| labelling.answers().encode())
    }

    pub(crate) fn forget(&mut self) {
        self.labelling = None;
    }
}
