//! Which work a worker gets: a trial to train or pictures to label. Studies and jobs take turns by
//! weight; which trial or chunk it is, the store and `tabsweep_study` decide.

use tabsweep_protocol::{JobId, NoWorkReason};
use tabsweep_study::Grant;

use crate::{
    app::App,
    store::{Leased, LeasedChunk, NextLease, StoreError},
    verification::NUMERICS,
};

/// What came of asking for work.
#[derive(Debug)]
pub(crate) enum Work {
    /// A trial.
    Trial(Box<Leased>),
    /// Pictures.
    Chunk(Box<LeasedChunk>),
    /// None, and why.
    None(NoWorkReason),
}

/// Leases the next work: of whatever has the fewest running for its weight.
pub(crate) async fn next(app: &App, grant: &Grant) -> Result<Work, StoreError> {
    let jobs = app.store.job_shares().await?;
    let trials = match jobs.is_empty() {
        true => None,
        false => app.store.least_share().await?,
    };
    let (first, then) = jobs.split_at(before_trials(&jobs, trials));
    if let Some(chunk) = next_chunk(app, grant, first).await? {
        return Ok(Work::Chunk(chunk));
    }
    let (policy, now) = (app.settings.policy, app.clock.now());
    let next = app.store.lease_next(grant.clone(), policy, NUMERICS, now);
    let reason = match next.await? {
        NextLease::Leased(leased) => return Ok(Work::Trial(leased)),
        NextLease::None(reason) => reason,
    };
    Ok(match next_chunk(app, grant, then).await? {
        Some(chunk) => Work::Chunk(chunk),
        // There is work, but all of it is in other hands, or waits for another's word.
        None if !jobs.is_empty() => Work::None(NoWorkReason::AllLeased),
        None => Work::None(reason),
    })
}

/// How many of the jobs, least share first, come before the studies.
fn before_trials(jobs: &[(JobId, f64)], trials: Option<f64>) -> usize {
    trials.map_or(jobs.len(), |trials| {
        jobs.partition_point(|(_, share)| *share < trials)
    })
}

async fn next_chunk(
    app: &App,
    grant: &Grant,
    jobs: &[(JobId, f64)],
) -> Result<Option<Box<LeasedChunk>>, StoreError> {
    let (policy, now) = (app.settings.policy, app.clock.now());
    for (job, _) in jobs {
        let leased = app.store.lease_chunk(*job, grant, policy, NUMERICS, now);
        if let Some(leased) = leased.await? {
            return Ok(Some(Box::new(leased)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn studies_and_jobs_take_turns_by_share() {
        let jobs = [(JobId(2), 0.0), (JobId(1), 1.0), (JobId(3), 2.0)];
        assert_eq!(before_trials(&jobs, None), 3);
        assert_eq!(before_trials(&jobs, Some(0.0)), 0);
        assert_eq!(before_trials(&jobs, Some(1.5)), 2);
    }
}
