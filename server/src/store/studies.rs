//! Studies: what operators defined, and how far each has come.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{BlobRef, DataRef, Sha256, StudyId};
use tabsweep_study::{Study, StudyState, Timestamp};

use super::{
    Store, StoreError, Tx,
    memory::Studies,
    rows::{from_json, json_column, to_json, u32_column},
};

/// The blobs of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataManifest {
    /// Name of the data set.
    pub name: String,
    /// Number of classes.
    pub classes: u32,
    /// Rows of an image.
    pub height: u32,
    /// Columns of an image.
    pub width: u32,
    /// Training images with labels.
    pub training: BlobRef,
    /// Validation images with labels.
    pub validation: BlobRef,
    /// Test images with labels; never served.
    pub test: BlobRef,
}

impl DataManifest {
    /// What workers are told.
    pub fn for_workers(&self) -> DataRef {
        DataRef {
            name: self.name.clone(),
            classes: self.classes,
            training: self.training.clone(),
            validation: self.validation.clone(),
        }
    }
}

/// A study as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredStudy {
    /// Id.
    pub id: StudyId,
    /// Where it stands.
    pub state: StudyState,
    /// What the operator defined.
    pub study: Study,
    /// Its data.
    pub data: DataManifest,
    /// When it was created.
    pub created: Timestamp,
}

/// How many trials of a study stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TrialCounts {
    /// Not suggested yet.
    pub unsuggested: u32,
    /// Suggested, with nobody.
    pub waiting: u32,
    /// With a worker.
    pub running: u32,
    /// Claimed, being checked.
    pub checking: u32,
    /// Resting at a rung.
    pub paused: u32,
    /// On the leaderboard.
    pub verified: u32,
    /// Ended with a loss that is no number.
    pub diverged: u32,
    /// Stopped for good by the pruner.
    pub pruned: u32,
    /// Ended with all attempts used up.
    pub failed: u32,
    /// Not ended when their study was.
    pub cancelled: u32,
}

impl TrialCounts {
    fn add(&mut self, state: &str, count: u32) {
        match state {
            "waiting" => self.waiting += count,
            "running" => self.running += count,
            "checking" => self.checking += count,
            "paused" => self.paused += count,
            "verified" => self.verified += count,
            "diverged" => self.diverged += count,
            "pruned" => self.pruned += count,
            "cancelled" => self.cancelled += count,
            _ => self.failed += count,
        }
    }

    fn suggested(&self) -> u32 {
        self.waiting + self.running + self.checking + self.paused + self.ended()
    }

    /// Trials that have not ended yet, those to come included.
    pub fn left(&self) -> u32 {
        self.unsuggested + self.suggested() - self.ended()
    }

    fn ended(&self) -> u32 {
        self.verified + self.diverged + self.pruned + self.failed + self.cancelled
    }
}

fn state_name(state: StudyState) -> &'static str {
    match state {
        StudyState::Running => "running",
        StudyState::Paused => "paused",
        StudyState::Finished => "finished",
    }
}

fn study_from_row(row: &AnyRow) -> Result<StoredStudy, StoreError> {
    let state: &str = row.try_get("state")?;
    Ok(StoredStudy {
        id: StudyId(u32_column(row, "id")?),
        state: from_json(&format!("\"{state}\""), "study state")?,
        study: json_column(row, "definition")?,
        data: json_column(row, "data")?,
        created: Timestamp(row.try_get("created_millis")?),
    })
}

impl Store {
    /// Stores a new study.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_study(
        &self,
        study: &Study,
        data: &DataManifest,
        now: Timestamp,
    ) -> Result<StudyId, StoreError> {
        let mut tx = self.begin().await?;
        let id = next_id(&mut tx).await?;
        insert_study(&mut tx, id, study, data, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Stores a new study if there is none yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_first_study(
        &self,
        study: &Study,
        data: &DataManifest,
        now: Timestamp,
    ) -> Result<Option<StudyId>, StoreError> {
        const FIRST: StudyId = StudyId(1);
        let mut tx = self.begin().await?;
        if next_id(&mut tx).await? != FIRST {
            return Ok(None);
        }
        insert_study(&mut tx, FIRST, study, data, now).await?;
        tx.commit().await?;
        Ok(Some(FIRST))
    }

    /// All studies, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn studies(&self) -> Result<Vec<StoredStudy>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, state, definition, data, created_millis FROM studies ORDER BY id DESC",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(study_from_row).collect()
    }

    /// One study.
    ///
    /// # Errors
    /// The database failed.
    pub async fn study(&self, id: StudyId) -> Result<Option<StoredStudy>, StoreError> {
        let row = sqlx::query(
            "SELECT id, state, definition, data, created_millis FROM studies WHERE id = $1",
        )
        .bind(i64::from(id.0))
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(study_from_row).transpose()
    }

    /// How many trials of a study stand where.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trial_counts(&self, study: &StoredStudy) -> Result<TrialCounts, StoreError> {
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS trials FROM trials WHERE study_id = $1 GROUP BY state",
        )
        .bind(i64::from(study.id.0))
        .fetch_all(&self.readers)
        .await?;
        counts_from_rows(&rows, study.study.budget.trials)
    }

    /// Whether any study uses this blob as data that workers may have.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_study_data(&self, sha256: &Sha256) -> Result<bool, StoreError> {
        // Looked for as text first: how to look into JSON, each database says otherwise.
        let rows = sqlx::query("SELECT data FROM studies WHERE data LIKE $1")
            .bind(format!("%{sha256}%"))
            .fetch_all(&self.readers)
            .await?;
        for row in &rows {
            let data: DataManifest = json_column(row, "data")?;
            if [&data.training, &data.validation]
                .map(|blob| &blob.sha256)
                .contains(&sha256)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn next_id(tx: &mut Tx) -> Result<StudyId, StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS id FROM studies")
        .fetch_one(tx.sql().await?)
        .await?;
    Ok(StudyId(u32_column(&row, "id")?))
}

async fn insert_study(
    tx: &mut Tx,
    id: StudyId,
    study: &Study,
    data: &DataManifest,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.memory().forget_studies();
    sqlx::query(
        "INSERT INTO studies (id, name, state, definition, data, created_millis)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(i64::from(id.0))
    .bind(&study.name)
    .bind(state_name(StudyState::Running))
    .bind(to_json(study))
    .bind(to_json(data))
    .bind(now.0)
    .execute(tx.sql().await?)
    .await?;
    Ok(())
}

fn counts_from_rows(rows: &[AnyRow], budget: u32) -> Result<TrialCounts, StoreError> {
    let mut counts = TrialCounts::default();
    for row in rows {
        counts.add(row.try_get("state")?, u32_column(row, "trials")?);
    }
    counts.unsuggested = budget.saturating_sub(counts.suggested());
    Ok(counts)
}

/// All studies.
pub(super) async fn studies_in(tx: &mut Tx) -> Result<Studies, StoreError> {
    if let Some(studies) = tx.memory().studies() {
        return Ok(studies);
    }
    let rows = sqlx::query("SELECT id, state, definition, data, created_millis FROM studies")
        .fetch_all(tx.sql().await?)
        .await?;
    let studies = rows.iter().map(|row| {
        let study = study_from_row(row)?;
        Ok((study.id, Arc::new(study)))
    });
    let studies = Studies::new(studies.collect::<Result<_, StoreError>>()?);
    tx.memory().keep_studies(&studies);
    Ok(studies)
}

/// The study with this id.
pub(super) async fn study_in(tx: &mut Tx, id: StudyId) -> Result<Arc<StoredStudy>, StoreError> {
    let studies = studies_in(tx).await?;
    let study = studies.get(&id).cloned();
    study.ok_or(StoreError::NoStudy { study: id })
}

/// Changes what the operator defined.
pub(super) async fn save_definition(
    tx: &mut Tx,
    id: StudyId,
    study: &Study,
) -> Result<(), StoreError> {
    tx.memory().forget_studies();
    sqlx::query("UPDATE studies SET definition = $1 WHERE id = $2")
        .bind(to_json(study))
        .bind(i64::from(id.0))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}

pub(super) async fn save_study_state(
    tx: &mut Tx,
    id: StudyId,
    state: StudyState,
) -> Result<(), StoreError> {
    tx.memory().forget_studies();
    sqlx::query("UPDATE studies SET state = $1 WHERE id = $2")
        .bind(state_name(state))
        .bind(i64::from(id.0))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}
