//! What a worker gets next: a trial to train or pictures to label. Studies and jobs take turns by
//! weight; or why it gets nothing.

use std::sync::Arc;

use tabsweep_protocol::{JobId, NoWorkReason, Numerics, StudyId, TrialNumber, VolunteerId};
use tabsweep_study::{Grant, LeasePolicy, Pruner, StudyState, Timestamp, Trial, trial_seed};

use super::{
    Leased, LeasedChunk, Store, StoreError, StoredStudy, Tx,
    chunks::{count_running_chunks, lease_chunk},
    events::{is_time_over, move_trial, take_timeline},
    jobs::running_jobs,
    leases::lease_trial,
    rows::{json_column, load_trial, u32_column},
    studies::studies_in,
    volunteers::distrusted,
};

/// What came of asking for work.
#[derive(Clone, Debug, PartialEq)]
pub enum NextLease {
    /// A trial.
    Trial(Box<Leased>),
    /// Pictures.
    Chunk(Box<LeasedChunk>),
    /// None, and why.
    None(NoWorkReason),
}

/// Who hands out work.
#[derive(Debug)]
enum Source {
    Study(Arc<StoredStudy>),
    Job(JobId),
}

impl Store {
    /// Leases the next work, of whatever has the fewest running for its weight: of a study the first
    /// trial that waits, else a new suggestion while it has budget; of a job the first chunk that
    /// waits. It is, or becomes, work of `numerics`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lease_next(
        &self,
        grant: &Grant,
        policy: LeasePolicy,
        numerics: Numerics,
        now: Timestamp,
    ) -> Result<NextLease, StoreError> {
        let mut tx = self.begin().await?;
        let next = match distrusted(&mut tx).await?.contains(&grant.volunteer) {
            true => NextLease::None(NoWorkReason::NotTrusted),
            false => next(&mut tx, grant, policy, numerics, now).await?,
        };
        // Also without work: a trial may have been promoted that this volunteer may not have.
        tx.commit().await?;
        Ok(next)
    }
}

async fn next(
    tx: &mut Tx,
    grant: &Grant,
    policy: LeasePolicy,
    numerics: Numerics,
    now: Timestamp,
) -> Result<NextLease, StoreError> {
    let mut has_job = false;
    for source in sources(tx).await? {
        match source {
            Source::Study(study) => {
                let leased = lease_trial(tx, &study, grant, policy, numerics, now);
                if let Some(trial) = leased.await? {
                    let study = Arc::unwrap_or_clone(study);
                    return Ok(NextLease::Trial(Box::new(Leased { study, trial })));
                }
            }
            Source::Job(job) => {
                has_job = true;
                let leased = lease_chunk(tx, job, grant, policy, numerics, now);
                if let Some(leased) = leased.await? {
                    return Ok(NextLease::Chunk(Box::new(leased)));
                }
            }
        }
    }
    Ok(NextLease::None(match has_job {
        // There is work, but all of it is in other hands, or waits for another's word.
        true => NoWorkReason::AllLeased,
        false => why_none(tx).await?,
    }))
}

/// Studies and jobs that run, the one first that has the fewest running for its weight; of equal ones
/// studies first.
async fn sources(tx: &mut Tx) -> Result<Vec<Source>, StoreError> {
    let studies = studies_in(tx).await?;
    let running = studies
        .values()
        .filter(|stored| stored.state == StudyState::Running);
    let studies: Vec<_> = running.cloned().collect();
    let jobs = running_jobs(tx).await?;
    let is_only = studies.len() + jobs.len() < 2;
    let mut shares = Vec::new();
    for study in studies {
        let running = match is_only {
            true => 0,
            false => count_running(tx, study.id).await?,
        };
        let share = f64::from(running) / study.study.weight;
        shares.push((share, Source::Study(study)));
    }
    for (job, weight) in jobs.iter() {
        let running = match is_only {
            true => 0,
            false => count_running_chunks(tx, *job).await?,
        };
        shares.push((f64::from(running) / weight, Source::Job(*job)));
    }
    // Stable.
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(shares.into_iter().map(|(_, source)| source).collect())
}

async fn count_running(tx: &mut Tx, study: StudyId) -> Result<u32, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS running FROM trials WHERE study_id = $1 AND state = 'running'",
    )
    .bind(i64::from(study.0))
    .fetch_one(tx.sql().await?)
    .await?;
    u32_column(&row, "running")
}

async fn why_none(tx: &mut Tx) -> Result<NoWorkReason, StoreError> {
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
    for trial in waiting_trials(tx, study.id, numerics).await? {
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

/// The first trials that wait.
async fn waiting_trials(
    tx: &mut Tx,
    study: StudyId,
    numerics: Numerics,
) -> Result<Vec<Trial>, StoreError> {
    if tx.memory().is_exhausted(study, numerics) {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT trial FROM trials WHERE study_id = $1 AND state = 'waiting' AND numerics = $2
         ORDER BY number LIMIT 64",
    )
    .bind(i64::from(study.0))
    .bind(i64::from(numerics.0))
    .fetch_all(tx.sql().await?)
    .await?;
    if rows.is_empty() {
        tx.memory().exhaust(study, numerics);
    }
    rows.iter().map(|row| json_column(row, "trial")).collect()
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
