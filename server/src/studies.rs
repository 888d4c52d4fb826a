//! Creating a study: read the file, get the data, store both.

use serde_json::Map;
use tabsweep_protocol::{StudyId, TrialNumber, Value};
use tabsweep_study::{Study, Timeline};

use crate::{
    app::App,
    datasets::{self, DataSetError},
    store::{DataManifest, StoreError},
    study_file::{self, StudyFileError},
    verification,
};

/// Why a study can't be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The study file is wrong.
    #[error(transparent)]
    File {
        /// Where and how.
        #[from]
        source: StudyFileError,
    },
    /// The data set can't be had.
    #[error(transparent)]
    DataSet {
        /// Why not.
        #[from]
        source: DataSetError,
    },
    /// A setting of the space has no model for the images.
    #[error("trial {number} could not be trained: {reason}")]
    Untrainable {
        /// The trial that would have it.
        number: TrialNumber,
        /// Why not.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store {
        /// How.
        #[from]
        source: StoreError,
    },
}

/// Reads a study file; names and values are those of the trainer.
///
/// # Errors
/// The first thing that is wrong in it.
pub fn parse(text: &str) -> Result<Study, StudyFileError> {
    study_file::parse(text, |name, value| {
        verification::check_setting(&Map::from_iter([(name.to_owned(), json(value))]))
    })
}

/// Creates a study from a study file.
///
/// # Errors
/// The file is wrong, the data can't be had, or the database failed.
pub async fn create(app: &App, text: &str) -> Result<StudyId, CreateError> {
    let study = parse(text)?;
    let dataset = study.dataset.clone();
    create_on(app, &study, &dataset).await
}

/// Creates a study on the data set called `dataset`, whatever the study itself names.
///
/// # Errors
/// The data can't be had, or the database failed.
pub async fn create_on(app: &App, study: &Study, dataset: &str) -> Result<StudyId, CreateError> {
    let _nothing_is_deleted = app.data_lock.read().await;
    let data = prepare(app, study, dataset).await?;
    let id = app.store.add_study(study, &data, app.clock.now()).await?;
    app.work_may_exist();
    app.study_changed(id);
    Ok(id)
}

/// The same for a study that is to be the first; nothing happens if another server was faster.
///
/// # Errors
/// The data can't be had, or the database failed.
pub async fn create_first_on(app: &App, study: &Study, dataset: &str) -> Result<(), CreateError> {
    let _nothing_is_deleted = app.data_lock.read().await;
    let data = prepare(app, study, dataset).await?;
    let now = app.clock.now();
    if let Some(id) = app.store.add_first_study(study, &data, now).await? {
        app.work_may_exist();
        app.study_changed(id);
    }
    Ok(())
}

/// The stored blobs of a data set that the study can be trained on.
async fn prepare(app: &App, study: &Study, dataset: &str) -> Result<DataManifest, CreateError> {
    let data = app.sources.find(dataset).await?;
    let blobs = app.data.clone();
    let manifest = tokio::task::spawn_blocking(move || datasets::store(&data, &blobs))
        .await
        .expect("storing a data set does not panic")?;
    check_trials(study, &manifest)?;
    Ok(manifest)
}

/// Settings that are looked at before a study begins.
const CHECKED_TRIALS: u32 = 200;

/// Looks whether the study's first settings can be trained on its images.
fn check_trials(study: &Study, data: &DataManifest) -> Result<(), CreateError> {
    let nothing = Timeline::new(study.objective);
    for number in (0..study.budget.trials.min(CHECKED_TRIALS)).map(TrialNumber) {
        let parameters = study.suggest(nothing.history(), number);
        verification::check_trial(&parameters, data)
            .map_err(|reason| CreateError::Untrainable { number, reason })?;
    }
    Ok(())
}

/// A setting as the trainer takes it.
pub(crate) fn setting(
    parameters: &tabsweep_protocol::Parameters,
) -> Map<String, serde_json::Value> {
    parameters
        .iter()
        .map(|(name, value)| (name.clone(), json(value)))
        .collect()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
    }
}
