//! Pictures in a worker's hands: fetching them and their model, and labelling a slice at a time.

use std::time::{Duration, Instant};

use tabsweep_labelling::{Classifier, Labelling, LabellingError};
use tabsweep_protocol::{LabelLease, LabelModel};

use crate::http::{Http, HttpError};

/// When a slice ends.
const SLICE: Duration = Duration::from_millis(200);

/// What a chunk needs.
#[derive(Debug)]
pub(crate) struct FetchedLabels {
    /// None where the worker has the model.
    model: Option<Vec<Vec<u8>>>,
    pack: Vec<u8>,
}

/// Fetches pictures, and their model's files where `has_model` says that these are missing.
pub(crate) async fn fetch(
    http: &Http,
    lease: &LabelLease,
    has_model: bool,
) -> Result<FetchedLabels, HttpError> {
    let model = async {
        match has_model {
            true => Ok(None),
            false => fetch_model(http, lease).await.map(Some),
        }
    };
    let (model, pack) = tokio::try_join!(model, http.pictures(lease))?;
    Ok(FetchedLabels { model, pack })
}

async fn fetch_model(http: &Http, lease: &LabelLease) -> Result<Vec<Vec<u8>>, HttpError> {
    let mut files = Vec::new();
    for file in lease.model.files() {
        let most = usize::try_from(file.bytes).unwrap_or(usize::MAX);
        files.push(http.blob(&file.sha256, &lease.token, most).await?);
    }
    Ok(files)
}

/// A worker's model and the pictures that it labels.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// The model used last: jobs have many chunks.
    model: Option<(LabelModel, Classifier)>,
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
        if let Some(files) = fetched.model {
            let classifier = Classifier::new(&lease.model, &files);
            let classifier = classifier.map_err(|error| error.to_string())?;
            self.model = Some((lease.model.clone(), classifier));
        }
        if self.model.is_none() {
            return Err("the model is missing".to_owned());
        }
        let (pictures, top) = (lease.pictures as usize, lease.top as usize);
        let labelling = Labelling::new(fetched.pack, pictures, top);
        self.labelling = Some(labelling.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Labels for a slice; how many pictures have their labels then.
    pub(crate) fn advance(&mut self) -> Result<u32, LabellingError> {
        let began = Instant::now();
        let (Some(labelling), Some((_, classifier))) = (&mut self.labelling, &mut self.model)
        else {
            return Ok(0);
        };
        while !labelling.is_done() && began.elapsed() < SLICE {
            labelling.advance(classifier)?;
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
