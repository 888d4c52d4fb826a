//! Which trial a worker gets next, or why it gets none.

use std::{collections::BTreeMap, sync::Arc};

use tabsweep_protocol::{NoWorkReason, Numerics, StudyId, TrialNumber, VolunteerId};
use tabsweep_study::{Pruner, StudyState, Timestamp, Trial, trial_seed};

use super::{
    Store, StoreError, StoredStudy, Tx,
    events::{is_time_over, move_trial, take_timeline},
    rows::{json_column, load_trial, u32_column},
    studies::studies_in,
};

/// Studies that run, the one first that has the fewest running trials for its weight.
pub(super) async fn running_studies(tx: &mut Tx) -> Result<Vec<Arc<StoredStudy>>, StoreError> {
    let all = studies_in(tx).await?;
    let running = all
        .values()
        .filter(|stored| stored.state == StudyState::Running);
    let mut studies: Vec<_> = running.cloned().collect();
    if studies.len() > 1 {
        let mut shares = BTreeMap::new();
        for study in &studies {
            let running = count_running(tx, study.id).await?;
            shares.insert(study.id, f64::from(running) / study.study.weight);
        }
        studies.sort_by(|a, b| shares[&a.id].total_cmp(&shares[&b.id]));
    }
    Ok(studies)
}

async fn count_running(tx: &mut Tx, study: StudyId) -> Result<u32, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS running FROM trials WHERE study_id = $1 AND state = 'running'",
    )
    .bind(i64::from(study.0))
    .fetch_one(&mut **tx)
    .await?;
    u32_column(&row, "running")
}

pub(super) async fn why_none(tx: &mut Tx) -> Result<NoWorkReason, StoreError> {
    let studies = studies_in(tx).await?;
    let has = |state| studies.values().any(|stored| stored.state == state);
    Ok(if has(StudyState::Running) {
        NoWorkReason::AllLeased
    } else if has(StudyState::Paused) {
        NoWorkReason::Paused
    } else if studies.is_empty() {
        NoWorkReason::NoStudy
    } else {
        NoWorkReason::AllFinished
    })
}

/// The trial to hand out next, as it was if it existed and as it is to be leased: the first that waits
/// and may go to this volunteer, else one that has earned to go on from its rung, else a new one.
pub(super) async fn next_trial(
    tx: &mut Tx,
    study: &StoredStudy,
    volunteer: VolunteerId,
    numerics: Numerics,
    now: Timestamp,
) -> Result<Option<(Option<Trial>, Trial)>, StoreError> {
    let rows = sqlx::query(
        "SELECT trial FROM trials WHERE study_id = $1 AND state = 'waiting' AND numerics = $2
         ORDER BY number LIMIT 64",
    )
    .bind(i64::from(study.id.0))
    .bind(i64::from(numerics.0))
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let trial: Trial = json_column(&row, "trial")?;
        if !trial.refused.contains(&volunteer) {
            return Ok(Some((Some(trial.clone()), trial)));
        }
    }
    if is_time_over(study, now) {
        return Ok(None);
    }
    while let Some(number) = promotable(tx, study).await? {
        let resting = load_trial(tx, study.id, number).await?;
        let stops_at = study.study.pruner.stops_at(number, resting.rungs);
        let promoted = resting.clone().promoted(stops_at)?;
        if !promoted.refused.contains(&volunteer) {
            return Ok(Some((Some(resting), promoted)));
        }
        move_trial(tx, study.id, Some(&resting), &promoted, now).await?;
    }
    let new = new_trial(tx, study, numerics).await?;
    Ok(new.map(|trial| (None, trial)))
}

async fn promotable(tx: &mut Tx, study: &StoredStudy) -> Result<Option<TrialNumber>, StoreError> {
    if study.study.pruner == Pruner::None {
        return Ok(None);
    }
    let timeline = take_timeline(tx, study.id, &study.study).await?;
    let promotable = study.study.pruner.promotable(&timeline);
    tx.memory().keep_timeline(study.id, timeline);
    Ok(promotable)
}

/// The next setting, if the budget has one left.
async fn new_trial(
    tx: &mut Tx,
    study: &StoredStudy,
    numerics: Numerics,
) -> Result<Option<Trial>, StoreError> {
    let timeline = take_timeline(tx, study.id, &study.study).await?;
    let number = TrialNumber(timeline.suggested());
    let trial = (number.0 < study.study.budget.trials).then(|| {
        let parameters = study.study.suggest(timeline.history(), number);
        let seed = trial_seed(study.study.seed, number);
        let mut trial = Trial::new(number, parameters, seed, numerics);
        trial.stops_at = study.study.stops_at(number);
        trial
    });
    tx.memory().keep_timeline(study.id, timeline);
    Ok(trial)
}

impl Store {
    /// The least share, running trials for its weight, that any running study has.
    ///
    /// # Errors
    /// The database failed.
    pub async fn least_share(&self) -> Result<Option<f64>, StoreError> {
        let mut tx = self.begin().await?;
        let studies = running_studies(&mut tx).await?;
        let Some(first) = studies.first() else {
            return Ok(None);
        };
        let running = count_running(&mut tx, first.id).await?;
        Ok(Some(f64::from(running) / first.study.weight))
    }
}
