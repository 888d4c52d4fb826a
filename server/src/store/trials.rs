//! Trials as people and the verifier read them, and the verdicts.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{LeaseToken, Outcome, Sha256, StudyId, TrialNumber, VolunteerId};
use tabsweep_study::{
    LeasePolicy, Scores, Standing, Timestamp, TransitionError, Trial, TrialState, rank,
};

use super::{
    Store, StoreError, StoredStudy, Work,
    credit::credit,
    events::move_trial,
    rows::{hash_column, json_column, load_trial, u32_column},
    volunteers::count_word,
};

/// What a claim says, as far as the order of checking goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// Weights or a checkpoint to be scored: quick.
    Scored,
    /// A divergence to be trained after: slow.
    Diverged,
}

impl ClaimKind {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Finished(_) | Outcome::Paused(_) => Self::Scored,
            Outcome::Diverged { .. } => Self::Diverged,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Diverged => "diverged",
        }
    }
}

/// Which claim a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRef {
    /// The study.
    pub study: StudyId,
    /// The trial.
    pub number: TrialNumber,
    /// The lease under which it was made.
    pub lease: LeaseToken,
}

/// A page of a study's trials.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialPage {
    /// Trials that match, on all pages.
    pub total: u32,
    /// This page's.
    pub trials: Vec<Trial>,
}

/// A verified trial with the name of who trained it.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedRow {
    /// The trial.
    pub trial: Trial,
    /// Its scores.
    pub scores: Scores,
    /// Its weights.
    pub weights_sha256: Sha256,
    /// Who finished it.
    pub volunteer: (VolunteerId, String),
    /// When it was verified.
    pub verified: Timestamp,
}

/// A verified trial with its study.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// The study.
    pub study: StoredStudy,
    /// The trial.
    pub row: VerifiedRow,
}

/// An epoch as reported.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// Epochs done.
    pub epoch: u32,
    /// Optimiser steps done.
    pub step: u64,
    /// Share of the validation images classified rightly, as the worker counted.
    pub validation_score: f64,
    /// Mean training loss, in nats.
    pub mean_loss: f64,
    /// Hash of the checkpoint at this point.
    pub state_sha256: Sha256,
    /// Which attempt reported it.
    pub attempt: u32,
}

/// A lease in a trial's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// 1 for the first.
    pub attempt: u32,
    /// Whose it was.
    pub volunteer: (VolunteerId, String),
    /// When it was granted.
    pub granted: Timestamp,
    /// When and how it ended.
    pub ended: Option<(Timestamp, String)>,
}

impl Store {
    /// One trial.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trial(
        &self,
        study: StudyId,
        number: TrialNumber,
    ) -> Result<Option<Trial>, StoreError> {
        let row = sqlx::query("SELECT trial FROM trials WHERE study_id = $1 AND number = $2")
            .bind(i64::from(study.0))
            .bind(i64::from(number.0))
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| json_column(&row, "trial")).transpose()
    }

    /// A page of trials in order of their numbers, in one state or all.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trials(
        &self,
        study: StudyId,
        state: Option<&str>,
        offset: u32,
        limit: u32,
    ) -> Result<TrialPage, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS total FROM trials WHERE study_id = $1 AND ($2 IS NULL OR state = $2)",
        )
        .bind(i64::from(study.0))
        .bind(state)
        .fetch_one(&self.readers)
        .await?;
        let rows = sqlx::query(
            "SELECT trial FROM trials WHERE study_id = $1 AND ($2 IS NULL OR state = $2)
             ORDER BY number LIMIT $3 OFFSET $4",
        )
        .bind(i64::from(study.0))
        .bind(state)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.readers)
        .await?;
        let trials = rows
            .iter()
            .map(|row| json_column(row, "trial"))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(TrialPage {
            total: u32_column(&row, "total")?,
            trials,
        })
    }

    /// Verified trials of a study, best candidates first by validation score.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verified_trials(
        &self,
        study: StudyId,
        limit: u32,
    ) -> Result<Vec<VerifiedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT trial, volunteers.id AS volunteer_id, nickname FROM trials
             JOIN volunteers ON volunteers.id = trials.volunteer_id
             WHERE study_id = $1 AND state = 'verified'
             ORDER BY validation_score DESC, number LIMIT $2",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let mut verified = rows
            .iter()
            .filter_map(|row| verified_from_row(row).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        rank(&mut verified, |row| row.standing(study));
        Ok(verified)
    }

    /// The best verified trials of all studies.
    ///
    /// # Errors
    /// The database failed.
    pub async fn models(&self, limit: u32) -> Result<Vec<ModelRow>, StoreError> {
        let mut models = Vec::new();
        for study in self.studies().await? {
            for row in self.verified_trials(study.id, limit).await? {
                models.push(ModelRow {
                    study: study.clone(),
                    row,
                });
            }
        }
        rank(&mut models, |model| model.row.standing(model.study.id));
        models.truncate(limit as usize);
        Ok(models)
    }

    /// Epochs that workers reported of a trial.
    ///
    /// # Errors
    /// The database failed.
    pub async fn epochs(
        &self,
        study: StudyId,
        number: TrialNumber,
    ) -> Result<Vec<EpochRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT epoch, step, validation_score, mean_loss, state_sha256, attempt FROM epochs
             WHERE study_id = $1 AND number = $2 ORDER BY epoch",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(number.0))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(EpochRow {
                    epoch: u32_column(row, "epoch")?,
                    step: u64::try_from(row.try_get::<i64, _>("step")?).unwrap_or_default(),
                    validation_score: row.try_get("validation_score")?,
                    mean_loss: row.try_get("mean_loss")?,
                    state_sha256: hash_column(row, "state_sha256")?,
                    attempt: u32_column(row, "attempt")?,
                })
            })
            .collect()
    }

    /// All leases of a trial, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn leases(
        &self,
        study: StudyId,
        number: TrialNumber,
    ) -> Result<Vec<LeaseRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT attempt, volunteer_id, nickname, granted_millis, ended_millis, ended
             FROM leases JOIN volunteers ON volunteers.id = leases.volunteer_id
             WHERE study_id = $1 AND number = $2 ORDER BY attempt",
        )
        .bind(i64::from(study.0))
        .bind(i64::from(number.0))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let ended_millis: Option<i64> = row.try_get("ended_millis")?;
                let ended: Option<String> = row.try_get("ended")?;
                Ok(LeaseRow {
                    attempt: u32_column(row, "attempt")?,
                    volunteer: volunteer_from_row(row)?,
                    granted: Timestamp(row.try_get("granted_millis")?),
                    ended: ended_millis.map(Timestamp).zip(ended),
                })
            })
            .collect()
    }

    /// How many trials a volunteer has in hand.
    ///
    /// # Errors
    /// The database failed.
    pub async fn running_trials_of(&self, volunteer: VolunteerId) -> Result<u32, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS running FROM leases WHERE volunteer_id = $1 AND ended_millis IS NULL",
        )
        .bind(i64::from(volunteer.0))
        .fetch_one(&self.readers)
        .await?;
        u32_column(&row, "running")
    }

    /// The claim of this kind that has waited longest for its verdict, but for those `postponed`. Of
    /// the claims that this server took: others check theirs.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next_claim(
        &self,
        kind: ClaimKind,
        postponed: &[(StudyId, TrialNumber)],
    ) -> Result<Option<(StoredStudy, Trial)>, StoreError> {
        let rows = sqlx::query(
            "SELECT study_id, trial FROM trials
             WHERE claim = $1 AND server = $2 ORDER BY changed_millis, study_id, number LIMIT 64",
        )
        .bind(kind.name())
        .bind(self.server().0)
        .fetch_all(&self.readers)
        .await?;
        for row in rows {
            let id = StudyId(u32_column(&row, "study_id")?);
            let trial: Trial = json_column(&row, "trial")?;
            let number = trial.number;
            if !postponed.contains(&(id, number)) {
                let study = self.study(id).await?;
                let study = study.ok_or(StoreError::NoTrial { study: id, number })?;
                return Ok(Some((study, trial)));
            }
        }
        Ok(None)
    }

    /// The claim was right: the trial is on the leaderboard and its volunteers credited.
    ///
    /// # Errors
    /// There is no such claim.
    pub async fn verified(
        &self,
        claim: &ClaimRef,
        scores: Scores,
        work: Work,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.decide(claim, Some(work), now, |trial| trial.verified(scores, now))
            .await
    }

    /// The claim of having come to a rung was right: the trial rests there, and its volunteers are
    /// credited. `validation` is the share of the validation images classified rightly.
    ///
    /// # Errors
    /// There is no such claim.
    pub async fn paused(
        &self,
        claim: &ClaimRef,
        validation: f64,
        work: Work,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.decide(claim, Some(work), now, |trial| {
            trial.paused(validation, now)
        })
        .await
    }

    /// The claim of a divergence was right.
    ///
    /// # Errors
    /// There is no such claim.
    pub async fn diverged(
        &self,
        claim: &ClaimRef,
        work: Work,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.decide(claim, Some(work), now, Trial::diverged).await
    }

    /// The claim was wrong: the trial goes back.
    ///
    /// # Errors
    /// There is no such claim.
    pub async fn rejected(
        &self,
        claim: &ClaimRef,
        policy: LeasePolicy,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.decide(claim, None, now, |trial| trial.rejected(policy, reason))
            .await
    }

    /// `proven` is the work that a right claim vouches for.
    async fn decide(
        &self,
        claim: &ClaimRef,
        proven: Option<Work>,
        now: Timestamp,
        verdict: impl FnOnce(Trial) -> Result<Trial, TransitionError>,
    ) -> Result<(), StoreError> {
        let ClaimRef {
            study,
            number,
            lease,
        } = claim;
        let mut tx = self.begin().await?;
        let trial = load_trial(&mut tx, *study, *number).await?;
        let claimant = match &trial.state {
            TrialState::Checking(pending) if pending.lease == *lease => pending.volunteer,
            // Not the claim that was checked.
            state => {
                let from = state.name();
                return Err(TransitionError {
                    subject: "trial",
                    from,
                    event: "decided",
                }
                .into());
            }
        };
        let after = verdict(trial.clone())?;
        move_trial(&mut tx, *study, Some(&trial), &after, now).await?;
        count_word(&mut tx, claimant, proven.is_some()).await?;
        if let Some(work) = proven {
            credit(&mut tx, lease, work).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

impl VerifiedRow {
    fn standing(&self, study: StudyId) -> Standing {
        Standing {
            study,
            number: self.trial.number,
            scores: self.scores,
        }
    }
}

fn volunteer_from_row(row: &AnyRow) -> Result<(VolunteerId, String), StoreError> {
    Ok((
        VolunteerId(u32_column(row, "volunteer_id")?),
        row.try_get("nickname")?,
    ))
}

pub(super) fn verified_from_row(row: &AnyRow) -> Result<Option<VerifiedRow>, StoreError> {
    let trial: Trial = json_column(row, "trial")?;
    let TrialState::Verified(verified) = trial.state.clone() else {
        return Ok(None);
    };
    Ok(Some(VerifiedRow {
        trial,
        scores: verified.scores,
        weights_sha256: verified.weights_sha256,
        volunteer: volunteer_from_row(row)?,
        verified: verified.verified,
    }))
}
