//! What an operator does with a study that exists.

use tabsweep_protocol::{LeaseToken, Numerics, Parameters, StudyId, TrialNumber};
use tabsweep_study::{Extension, StudyState, Timestamp, Trial, trial_seed};

use super::{
    Store, StoreError,
    events::{cancel_begun, finish_if_done, move_trial, take_timeline},
    leases::end_lease,
    numerics::forget_epochs,
    rows::load_trial,
    studies::{save_definition, save_study_state, study_in},
};

impl Store {
    /// Lets no more trials of a study begin.
    ///
    /// # Errors
    /// It has finished, or the database failed.
    pub async fn pause_study(&self, id: StudyId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if study_in(&mut tx, id).await?.state == StudyState::Finished {
            return Err(StoreError::StudyFinished { study: id });
        }
        save_study_state(&mut tx, id, StudyState::Paused).await?;
        tx.commit().await
    }

    /// Lets trials of a study begin again, if there is anything left to do.
    ///
    /// # Errors
    /// It has finished, or the database failed.
    pub async fn resume_study(&self, id: StudyId, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if study_in(&mut tx, id).await?.state == StudyState::Finished {
            return Err(StoreError::StudyFinished { study: id });
        }
        save_study_state(&mut tx, id, StudyState::Running).await?;
        finish_if_done(&mut tx, id, now).await?;
        tx.commit().await
    }

    /// Ends a study now: trials that wait or that somebody works on are cancelled. The leases that
    /// ended with it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn stop_study(
        &self,
        id: StudyId,
        now: Timestamp,
    ) -> Result<Vec<LeaseToken>, StoreError> {
        let mut tx = self.begin().await?;
        let ended = cancel_begun(&mut tx, id, now).await?;
        save_study_state(&mut tx, id, StudyState::Finished).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Changes how far a study goes. One that has finished runs again if that gives it more to do.
    ///
    /// # Errors
    /// The database failed.
    pub async fn extend_study(
        &self,
        id: StudyId,
        extension: Extension,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let stored = study_in(&mut tx, id).await?;
        save_definition(&mut tx, id, &stored.study.clone().extended(extension)).await?;
        if stored.state != StudyState::Paused {
            save_study_state(&mut tx, id, StudyState::Running).await?;
            finish_if_done(&mut tx, id, now).await?;
        }
        tx.commit().await
    }

    /// Queues a setting of the operator's own, completed by the sampler; it is trained to its end. A
    /// study that has finished runs again.
    ///
    /// # Errors
    /// The database failed.
    pub async fn enqueue(
        &self,
        id: StudyId,
        own: &Parameters,
        numerics: Numerics,
        now: Timestamp,
    ) -> Result<TrialNumber, StoreError> {
        let mut tx = self.begin().await?;
        let stored = study_in(&mut tx, id).await?;
        let timeline = take_timeline(&mut tx, id, &stored.study).await?;
        let number = TrialNumber(timeline.suggested());
        let parameters = stored.study.complete(own, timeline.history(), number);
        tx.memory().keep_timeline(id, timeline);
        let study = stored.study.clone().with_own(number);
        if study != stored.study {
            save_definition(&mut tx, id, &study).await?;
        }
        if stored.state == StudyState::Finished {
            save_study_state(&mut tx, id, StudyState::Running).await?;
        }
        let seed = trial_seed(stored.study.seed, number);
        let trial = Trial::new(number, parameters, seed, numerics);
        move_trial(&mut tx, id, None, &trial, now).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Has a trial trained once more from its beginning under `numerics`; the lease that ended with that, if one did.
    /// A study that has finished runs again.
    ///
    /// # Errors
    /// There is no such trial, or the database failed.
    pub async fn requeue(
        &self,
        id: StudyId,
        number: TrialNumber,
        numerics: Numerics,
        now: Timestamp,
    ) -> Result<Option<LeaseToken>, StoreError> {
        let mut tx = self.begin().await?;
        let before = load_trial(&mut tx, id, number).await?;
        let stored = study_in(&mut tx, id).await?;
        let ended = before.current_lease().map(|lease| lease.token.clone());
        if let Some(token) = &ended {
            end_lease(&mut tx, token, "requeued", now);
        }
        if before.numerics != numerics {
            forget_epochs(&mut tx, id, number).await?;
        }
        // First, because in a study that has finished nothing waits.
        if stored.state == StudyState::Finished {
            save_study_state(&mut tx, id, StudyState::Running).await?;
        }
        let stops_at = stored.study.first_stop(&before);
        let after = before.clone().requeued(numerics, stops_at);
        move_trial(&mut tx, id, Some(&before), &after, now).await?;
        tx.commit().await?;
        Ok(ended)
    }
}
