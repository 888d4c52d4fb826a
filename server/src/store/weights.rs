//! Models by the hash of their weights.

use tabsweep_protocol::{Sha256, StudyId};

use super::{ModelRow, Store, StoreError, rows::u32_column, trials::verified_from_row};

impl Store {
    /// The verified trial with these weights; `None` where there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn model(&self, weights: &Sha256) -> Result<Option<ModelRow>, StoreError> {
        let found = sqlx::query(
            "SELECT study_id, trial, volunteers.id AS volunteer_id, nickname FROM trials
             JOIN volunteers ON volunteers.id = trials.volunteer_id
             WHERE weights_sha256 = $1 AND state = 'verified'
             ORDER BY study_id, number LIMIT 1",
        )
        .bind(weights.as_str())
        .fetch_optional(&self.readers)
        .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let study = self.study(StudyId(u32_column(&found, "study_id")?)).await?;
        let row = verified_from_row(&found)?;
        Ok(study.zip(row).map(|(study, row)| ModelRow { study, row }))
    }
}
