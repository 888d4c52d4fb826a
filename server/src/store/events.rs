//! The events of studies: each change of a trial is stored with what it means for suggestions, and
//! folded into timelines that are kept from one change to the next.

use sqlx::Row;
use tabsweep_protocol::{LeaseToken, StudyId};
use tabsweep_study::{Event, EventKind, Study, StudyState, Timeline, Timestamp, Trial, TrialState};

use super::{
    Store, StoreError, StoredStudy, Tx,
    batch::Kind,
    leases::end_lease,
    rows::{json_column, save_trial, to_json, u32_column},
    studies::{save_study_state, study_in},
};

impl Store {
    /// The events of a study in their order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events(&self, study: StudyId) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query("SELECT event FROM events WHERE study_id = $1 ORDER BY seq")
            .bind(i64::from(study.0))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| json_column(row, "event")).collect()
    }

    /// Gives studies from before there were events those that their trials tell of, in the order in
    /// which these changed last.
    pub(super) async fn tell_events_from_before(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT study_id, trial FROM trials
             WHERE study_id NOT IN (SELECT study_id FROM events)
             ORDER BY study_id, changed_millis, number",
        )
        .fetch_all(tx.sql().await?)
        .await?;
        let mut trials = Vec::new();
        for row in &rows {
            let study = StudyId(u32_column(row, "study_id")?);
            trials.push((study, json_column::<Trial>(row, "trial")?));
        }
        for (study, trial) in &trials {
            let parameters = trial.parameters.clone();
            let kind = EventKind::Suggested { parameters };
            let number = trial.number;
            add_event(&mut tx, *study, &Event { number, kind }).await?;
        }
        for (study, trial) in &trials {
            let mut waiting = trial.clone();
            waiting.state = TrialState::Waiting;
            let objective = study_in(&mut tx, *study).await?.study.objective;
            if let Some(event) = Event::between(Some(&waiting), trial, objective) {
                add_event(&mut tx, *study, &event).await?;
            }
        }
        tx.commit().await
    }

    /// Ends studies whose time is over and that have nothing under way; which.
    ///
    /// # Errors
    /// The database failed.
    pub async fn finish_studies(&self, now: Timestamp) -> Result<Vec<StudyId>, StoreError> {
        let due = self
            .studies()
            .await?
            .into_iter()
            .filter(|stored| stored.state == StudyState::Running && is_time_over(stored, now));
        let mut finished = Vec::new();
        for stored in due {
            let mut tx = self.begin().await?;
            if finish_if_done(&mut tx, stored.id, now).await? {
                finished.push(stored.id);
            }
            tx.commit().await?;
        }
        Ok(finished)
    }
}

/// Stores what a trial has become, with its event, and ends its study if that was the last. In a study
/// that has finished nothing waits any more: a trial that comes back is cancelled.
pub(super) async fn move_trial(
    tx: &mut Tx,
    study: StudyId,
    before: Option<&Trial>,
    after: &Trial,
    now: Timestamp,
) -> Result<(), StoreError> {
    save_trial(tx, study, after, now);
    let place = |trial: &Trial| (trial.state.name(), trial.rungs);
    if before.is_some_and(|before| place(before) == place(after)) {
        return Ok(());
    }
    let stored = study_in(tx, study).await?;
    if let Some(event) = Event::between(before, after, stored.study.objective) {
        add_event(tx, study, &event).await?;
    }
    if stored.state == StudyState::Finished && after.state == TrialState::Waiting {
        return cancel(tx, study, after, now).await.map(drop);
    }
    if after.state.has_ended() || matches!(after.state, TrialState::Paused(_)) {
        finish_if_done(tx, study, now).await?;
    }
    Ok(())
}

/// Appends an event to its study's.
pub(super) async fn add_event(
    tx: &mut Tx,
    study: StudyId,
    event: &Event,
) -> Result<(), StoreError> {
    if let Some(number) = tx.memory().fold(study, event) {
        let event = to_json(event);
        let row = vec![study.0.into(), number.into(), event.as_str().into()];
        tx.push(Kind::Event, row);
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO events (study_id, event, seq)
         SELECT $1, $2, COALESCE(MAX(seq) + 1, 0) FROM events WHERE study_id = $1",
    )
    .bind(i64::from(study.0))
    .bind(to_json(event))
    .execute(tx.sql().await?)
    .await?;
    Ok(())
}

/// The study's past up to now, taken out of the writer's memory: give it back with
/// `keep_timeline`.
pub(super) async fn take_timeline(
    tx: &mut Tx,
    id: StudyId,
    study: &Study,
) -> Result<Timeline, StoreError> {
    let known = tx.memory().take_past(id);
    let is_whole = known.as_ref().is_some_and(|past| past.is_whole);
    let mut timeline = known.map_or_else(|| Timeline::new(study.objective), |past| past.timeline);
    if is_whole {
        return Ok(timeline);
    }
    let rows =
        sqlx::query("SELECT event FROM events WHERE study_id = $1 AND seq >= $2 ORDER BY seq")
            .bind(i64::from(id.0))
            .bind(i64::try_from(timeline.folded()).unwrap_or(i64::MAX))
            .fetch_all(tx.sql().await?)
            .await?;
    for row in &rows {
        timeline.fold(json_column(row, "event")?);
    }
    Ok(timeline)
}

/// Whether no trial begins any more because of the time.
pub(super) fn is_time_over(stored: &StoredStudy, now: Timestamp) -> bool {
    let wall_secs = stored.study.budget.wall_secs;
    wall_secs.is_some_and(|secs| stored.created.plus_secs(secs) <= now)
}

/// Ends the study if it runs and nothing is left to do, or its goal is reached; whether it did.
pub(super) async fn finish_if_done(
    tx: &mut Tx,
    id: StudyId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let stored = study_in(tx, id).await?;
    if stored.state != StudyState::Running {
        return Ok(false);
    }
    if !has_reached_target(tx, &stored).await? && has_more_to_do(tx, &stored, now).await? {
        return Ok(false);
    }
    cancel_begun(tx, id, now).await?;
    save_study_state(tx, id, StudyState::Finished).await?;
    Ok(true)
}

async fn has_reached_target(tx: &mut Tx, stored: &StoredStudy) -> Result<bool, StoreError> {
    let Some(target) = stored.study.budget.target_score else {
        return Ok(false);
    };
    let row = sqlx::query(
        "SELECT MAX(validation_score) AS best FROM trials WHERE study_id = $1 AND state = 'verified'",
    )
    .bind(i64::from(stored.id.0))
    .fetch_one(tx.sql().await?)
    .await?;
    let best: Option<f64> = row.try_get("best")?;
    let objective = stored.study.objective;
    Ok(best.is_some_and(|best| {
        let score = objective.score(best);
        score == target || objective.direction().is_better(score, target)
    }))
}

async fn has_more_to_do(
    tx: &mut Tx,
    stored: &StoredStudy,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let timeline = take_timeline(tx, stored.id, &stored.study).await?;
    let begins = !is_time_over(stored, now)
        && (timeline.suggested() < stored.study.budget.trials
            || stored.study.pruner.promotable(&timeline).is_some());
    tx.memory().keep_timeline(stored.id, timeline);
    if begins {
        return Ok(true);
    }
    let under_way = sqlx::query(
        "SELECT number FROM trials
         WHERE study_id = $1 AND state IN ('waiting', 'running', 'checking') LIMIT 1",
    )
    .bind(i64::from(stored.id.0))
    .fetch_optional(tx.sql().await?)
    .await?;
    Ok(under_way.is_some())
}

/// Cancels trials that wait or that somebody works on; the leases that ended with them. Claims keep
/// their right to a verdict, and trials at rest stay: more budget may let them go on.
pub(super) async fn cancel_begun(
    tx: &mut Tx,
    id: StudyId,
    now: Timestamp,
) -> Result<Vec<LeaseToken>, StoreError> {
    let rows = sqlx::query(
        "SELECT trial FROM trials WHERE study_id = $1 AND state IN ('waiting', 'running')",
    )
    .bind(i64::from(id.0))
    .fetch_all(tx.sql().await?)
    .await?;
    let mut ended = Vec::new();
    for row in &rows {
        ended.extend(cancel(tx, id, &json_column(row, "trial")?, now).await?);
    }
    Ok(ended)
}

/// Cancels one trial; the lease that ended with it, if one did.
async fn cancel(
    tx: &mut Tx,
    id: StudyId,
    trial: &Trial,
    now: Timestamp,
) -> Result<Option<LeaseToken>, StoreError> {
    let ended = trial.current_lease().map(|lease| lease.token.clone());
    if let Some(token) = &ended {
        end_lease(tx, token, "cancelled", now);
    }
    let cancelled = trial.clone().cancelled()?;
    save_trial(tx, id, &cancelled, now);
    let (number, kind) = (cancelled.number, EventKind::Dropped);
    add_event(tx, id, &Event { number, kind }).await?;
    Ok(ended)
}
