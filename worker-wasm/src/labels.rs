//! Pictures in a worker's hands: fetching them and their model, and labelling a slice at a time.

use futures_util::future::try_join;
use tabsweep_labelling::{Classifier, Labelling};
use tabsweep_protocol::{LabelLease, LabelModel};

use crate::{
    http::{self, HttpError},
    pacing::Cost,
    preparation::NotReady,
    turn::now_millis,
};

/// When a slice ends. A large photo alone may overrun it.
const SLICE_MILLIS: f64 = 50.0;

/// What a chunk needs.
pub(crate) struct FetchedLabels {
    /// None where the worker has the model.
    model: Option<Vec<Vec<u8>>>,
    pack: Vec<u8>,
}

/// Fetches pictures, and their model's files where `has_model` says that these are missing.
pub(crate) async fn fetch(
    base_url: &str,
    lease: &LabelLease,
    has_model: bool,
) -> Result<FetchedLabels, HttpError> {
    let model = async {
        match has_model {
            true => Ok(None),
            false => fetch_model(base_url, lease).await.map(Some),
        }
    };
    let (model, pack) = try_join(model, http::pictures(base_url, lease)).await?;
    Ok(FetchedLabels { model, pack })
}

async fn fetch_model(base_url: &str, lease: &LabelLease) -> Result<Vec<Vec<u8>>, HttpError> {
    let mut files = Vec::new();
    for file in lease.model.files() {
        files.push(http::data(base_url, file, &lease.token).await?);
    }
    Ok(files)
}

/// A worker's model and the pictures that it labels.
#[derive(Default)]
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
        fetched: Result<FetchedLabels, HttpError>,
    ) -> Result<(), NotReady> {
        let fetched = fetched?;
        if let Some(files) = fetched.model {
            let classifier = Classifier::new(&lease.model, &files).map_err(unusable)?;
            self.model = Some((lease.model.clone(), classifier));
        }
        if self.model.is_none() {
            return Err(unusable("the model is missing"));
        }
        let (pictures, top) = (lease.pictures as usize, lease.top as usize);
        let labelling = Labelling::new(fetched.pack, pictures, top);
        self.labelling = Some(labelling.map_err(unusable)?);
        Ok(())
    }

    /// Labels for a slice; how many pictures have their labels then, and what it cost.
    ///
    /// # Errors
    /// The model failed where it should not.
    pub(crate) fn advance(&mut self) -> Result<(u32, Cost), NotReady> {
        let began_millis = now_millis();
        let mut pictures = 0;
        if let (Some(labelling), Some((_, classifier))) = (&mut self.labelling, &mut self.model) {
            while !labelling.is_done() && now_millis() < began_millis + SLICE_MILLIS {
                labelling.advance(classifier).map_err(unusable)?;
            }
            pictures = labelling.labelled() as u32;
        }
        // Pictures differ too much in size for their speed to say whether the machine is busy.
        let cost = Cost {
            images: 0,
            stepping_millis: 0.0,
            millis: now_millis() - began_millis,
        };
        Ok((pictures, cost))
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

fn unusable(error: impl std::fmt::Display) -> NotReady {
    NotReady::Trainer(error.to_string())
}
