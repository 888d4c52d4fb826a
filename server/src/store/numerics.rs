//! What becomes of stored trials when the server's trainer computes by another numeric contract than
//! before. Which contract that is, the caller knows.

use tabsweep_protocol::{Numerics, StudyId, TrialNumber};
use tabsweep_study::{Timestamp, Trial};

use super::{
    Store, StoreError, Tx,
    events::move_trial,
    leases::end_lease,
    rows::{json_column, u32_column},
    studies::study_in,
};

impl Store {
    /// Begins all trials anew that have not ended and are of another numeric contract than
    /// `numerics`; how many. Those that have ended keep theirs.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_outdated_anew(
        &self,
        numerics: Numerics,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT study_id, trial FROM trials
             WHERE state IN ('waiting', 'running', 'checking', 'paused') AND numerics <> $1",
        )
        .bind(i64::from(numerics.0))
        .fetch_all(tx.sql().await?)
        .await?;
        let mut begun = 0;
        for row in &rows {
            let study = StudyId(u32_column(row, "study_id")?);
            let trial: Trial = json_column(row, "trial")?;
            if let Some(lease) = trial.current_lease() {
                end_lease(&mut tx, &lease.token, "outdated", now);
            }
            forget_epochs(&mut tx, study, trial.number).await?;
            let stops_at = study_in(&mut tx, study).await?.study.first_stop(&trial);
            let anew = trial.clone().begun_anew(numerics, stops_at)?;
            move_trial(&mut tx, study, Some(&trial), &anew, now).await?;
            begun += 1;
        }
        tx.commit().await?;
        Ok(begun)
    }
}

/// Their hashes are of states that nobody will reach again.
pub(super) async fn forget_epochs(
    tx: &mut Tx,
    study: StudyId,
    number: TrialNumber,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM epochs WHERE study_id = $1 AND number = $2")
        .bind(i64::from(study.0))
        .bind(i64::from(number.0))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use tabsweep_study::EventKind;

    use super::*;

    /// A trial as it was stored before trials carried a contract.
    const OLD_TRIAL: &str = r#"{"number":0,"parameters":{"learning_rate":0.0031415926535897933,
        "epochs":2},"seed":"18446744073709551615","attempts":1,"losses":0,"checkpoint":null,
        "refused":[3],"state":{"state":"waiting"}}"#;

    /// A study as it was stored before there were budgets, weights and pruners.
    const OLD_STUDY: &str = r#"{"name":"s","dataset":"d","objective":"validation_accuracy",
        "trials":2,"seed":"1","sampler":"random","enqueued":[],"space":{}}"#;

    fn old_data() -> String {
        let blob = format!(r#"{{"sha256":"{:064x}","bytes":1}}"#, 1);
        format!(
            r#"{{"name":"d","classes":10,"height":28,"width":28,
            "training":{blob},"validation":{blob},"test":{blob}}}"#
        )
    }

    /// A database of the first schema with a study and a trial.
    async fn write_first_schema(file: &std::path::Path) {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let mut migrator = sqlx::migrate!("./migrations");
        migrator.migrations.to_mut().truncate(1);
        migrator.run(&pool).await.unwrap();
        sqlx::query("INSERT INTO studies VALUES (1, 's', 'running', $1, $2, 0)")
            .bind(OLD_STUDY)
            .bind(old_data())
            .execute(&pool)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO trials (study_id, number, state, trial, changed_millis)
             VALUES (1, 0, 'waiting', $1, 0)",
        )
        .bind(OLD_TRIAL)
        .execute(&pool)
        .await
        .unwrap();
        pool.close().await;
    }

    #[tokio::test]
    async fn trials_from_before_are_of_the_first_contract_and_otherwise_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tabsweep.sqlite3");
        write_first_schema(&file).await;
        let store = Store::open(&file).await.unwrap();
        let trial = store.trial(StudyId(1), TrialNumber(0)).await.unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(OLD_TRIAL).unwrap();
        expected["numerics"] = 1.into();
        expected["rungs"] = 0.into();
        expected["stops_at"] = serde_json::Value::Null;
        assert_eq!(serde_json::to_value(trial.unwrap()).unwrap(), expected);
        let study = store.study(StudyId(1)).await.unwrap().unwrap().study;
        assert_eq!((study.budget.trials, study.weight), (2, 1.0));
        let events = store.events(StudyId(1)).await.unwrap();
        assert!(
            matches!(&events[..], [event] if matches!(event.kind, EventKind::Suggested { .. })),
            "{events:?}"
        );
        let now = Timestamp(1);
        assert_eq!(
            store.begin_outdated_anew(Numerics(1), now).await.unwrap(),
            0
        );
        assert_eq!(
            store.begin_outdated_anew(Numerics(2), now).await.unwrap(),
            1
        );
    }
}
