//! What an operator may do with a study that exists: hold it, end it, change how far it goes, queue a
//! setting, have a trial trained once more. Decides what is sound; the store decides what is possible.

use tabsweep_protocol::{Parameters, StopReason, StudyId, TrialNumber, Value};
use tabsweep_study::{Distribution, Extension, InactiveError, Space, StudyState, Timeline};

use crate::{
    app::App,
    store::{StoreError, StoredStudy},
    studies::setting,
    study_file::{LEAST_WEIGHT, MOST_TRIALS, MOST_WALL_SECS, MOST_WEIGHT},
    verification::{self, NUMERICS},
};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A figure is out of its range.
    #[error("`{name}` must be from {low} to {high}, found {found}")]
    OutOfRange {
        /// Which figure.
        name: &'static str,
        /// The least it may be.
        low: f64,
        /// The most it may be.
        high: f64,
        /// What it was to be.
        found: f64,
    },
    /// The study has no such hyper-parameter.
    #[error("`{name}` is not in the study's space; it has {known}")]
    UnknownParameter {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A value that no trial of the study may have.
    #[error("`{name}` can't be {value} in this study")]
    OutsideSpace {
        /// The name.
        name: String,
        /// The value.
        value: Value,
    },
    /// A value that the others rule out.
    #[error(transparent)]
    Inactive {
        /// Which, and what it asks for.
        #[from]
        source: InactiveError,
    },
    /// The trainer can't train it.
    #[error("{reason}")]
    Untrainable {
        /// Why not.
        reason: String,
    },
    /// The store said no, or failed.
    #[error(transparent)]
    Store {
        /// How.
        #[from]
        source: StoreError,
    },
}

/// Holds a study, lets it go on, or ends it.
///
/// # Errors
/// It can't come into that state from where it is, or the database failed.
pub async fn put_into(app: &App, study: StudyId, state: StudyState) -> Result<(), OperatorError> {
    let now = app.clock.now();
    match state {
        StudyState::Running => app.store.resume_study(study, now).await?,
        StudyState::Paused => app.store.pause_study(study).await?,
        StudyState::Finished => {
            for lease in app.store.stop_study(study, now).await? {
                app.stop_lease(lease, StopReason::Cancelled);
            }
        }
    }
    changed(app, study);
    Ok(())
}

/// Changes how far a study goes. One that had finished runs again if that gives it more to do.
///
/// # Errors
/// A figure out of its range, or the database failed.
pub async fn extend(app: &App, study: StudyId, extension: Extension) -> Result<(), OperatorError> {
    let figures = [
        (
            "trials",
            extension.trials.map(f64::from),
            1.0,
            MOST_TRIALS as f64,
        ),
        (
            "wall_secs",
            extension.wall_secs.map(f64::from),
            1.0,
            MOST_WALL_SECS as f64,
        ),
        ("target_score", extension.target_score, 0.0, 1.0),
        ("weight", extension.weight, LEAST_WEIGHT, MOST_WEIGHT),
    ];
    for (name, found, low, high) in figures {
        if let Some(found) = found.filter(|found| !(low..=high).contains(found)) {
            return Err(OperatorError::OutOfRange {
                name,
                low,
                high,
                found,
            });
        }
    }
    app.store
        .extend_study(study, extension, app.clock.now())
        .await?;
    changed(app, study);
    Ok(())
}

/// Queues a setting; what it leaves out is the sampler's choice. Whole numbers stand for real ones
/// where the study has a real range.
///
/// # Errors
/// A name or value that the study does not have, a setting that can't be trained, or the database
/// failed.
pub async fn enqueue(
    app: &App,
    study: &StoredStudy,
    parameters: Parameters,
) -> Result<TrialNumber, OperatorError> {
    let parameters = parameters
        .into_iter()
        .map(|(name, value)| fitted(&study.study.space, name, value))
        .collect::<Result<Parameters, _>>()?;
    study.study.space.check_own(&parameters)?;
    verification::check_setting(&setting(&parameters))
        .map_err(|reason| OperatorError::Untrainable { reason })?;
    let now = app.clock.now();
    let number = app
        .store
        .enqueue(study.id, &parameters, NUMERICS, now)
        .await?;
    changed(app, study.id);
    Ok(number)
}

/// Has a trial trained once more from its beginning, wherever it stands.
///
/// # Errors
/// There is no such trial, or the database failed.
pub async fn requeue(app: &App, study: StudyId, number: TrialNumber) -> Result<(), OperatorError> {
    let lease = app
        .store
        .requeue(study, number, NUMERICS, app.clock.now())
        .await?;
    if let Some(lease) = lease {
        app.stop_lease(lease, StopReason::Cancelled);
    }
    changed(app, study);
    Ok(())
}

/// How much each hyper-parameter matters for the score, most important first.
///
/// # Errors
/// The database failed.
pub async fn importance(
    app: &App,
    study: &StoredStudy,
) -> Result<Vec<(String, f64)>, OperatorError> {
    let mut timeline = Timeline::new(study.study.objective);
    for event in app.store.events(study.id).await? {
        timeline.fold(event);
    }
    let space = &study.study.space;
    Ok(tabsweep_study::importance(space, timeline.history()))
}

fn changed(app: &App, study: StudyId) {
    app.work_may_exist();
    app.study_changed(study);
}

fn fitted(space: &Space, name: String, value: Value) -> Result<(String, Value), OperatorError> {
    let Some(distribution) = space.distribution(&name) else {
        let known: Vec<&str> = space.parameters().keys().map(String::as_str).collect();
        return Err(OperatorError::UnknownParameter {
            name,
            known: known.join(", "),
        });
    };
    let value = match (distribution, value) {
        // The operator's own setting may differ in what is the same in all others.
        (Distribution::Fixed { .. }, value) => return Ok((name, value)),
        (Distribution::Float(_), Value::Int(value)) => Value::Float(value as f64),
        (_, value) => value,
    };
    if distribution.contains(&value) {
        Ok((name, value))
    } else {
        Err(OperatorError::OutsideSpace { name, value })
    }
}
