//! Server processes on one database: which are alive, what becomes of the trials of one that is not,
//! and what they tell each other. On SQLite there is one at a time, and whatever another had in hand
//! is an orphan.

use std::collections::BTreeSet;

use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::{Row, postgres::PgListener};
use tabsweep_protocol::{Stop, StudyId};
use tabsweep_study::{LeasePolicy, Timestamp, Trial};

use super::{
    Store, StoreError, Tx,
    chunks::spare_chunks,
    rows::{from_json, json_column, save_trial, to_json, u32_column},
};

/// The channel on which servers talk.
const CHANNEL: &str = "tabsweep";

/// One life of a server process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(pub(super) i64);

impl ServerId {
    /// One that no other has. Below 2⁶², which keeps it apart from the writers' lock.
    pub(super) fn drawn() -> Self {
        let drawn = SysRng
            .try_next_u64()
            .expect("the operating system has randomness");
        Self((drawn >> 2).cast_signed())
    }
}

/// What one server tells the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Who tells.
    pub server: ServerId,
    /// Studies in which something has changed.
    pub studies: BTreeSet<StudyId>,
    /// Whether there may be work for somebody who waits.
    pub work: bool,
    /// Leases that have ended, for whoever has their workers' sockets.
    pub stops: Vec<Stop>,
}

/// Trials taken over from servers that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// How many.
    pub trials: u32,
    /// Of which studies.
    pub studies: BTreeSet<StudyId>,
}

/// Hears what other servers tell. While it is connected, they know that this one is alive.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
    server: ServerId,
}

impl Store {
    /// Which server this is.
    pub fn server(&self) -> ServerId {
        self.writer.server()
    }

    /// Whether other servers may be on the database.
    pub fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// Begins to listen to other servers, if there can be any, and to be one of them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        let server = self.server();
        let Some(mut inner) = self.database.listener().await? else {
            return Ok(None);
        };
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(server.0)
            .execute(&mut inner)
            .await?;
        inner.listen(CHANNEL).await?;
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO servers (id) VALUES ($1) ON CONFLICT (id) DO NOTHING")
            .bind(server.0)
            .execute(tx.sql().await?)
            .await?;
        tx.commit().await?;
        Ok(Some(Listener { inner, server }))
    }

    /// Tells the other servers. Not within a change: PostgreSQL lets one transaction at a time commit
    /// that tells something.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tell(&self, notice: &Notice) -> Result<(), StoreError> {
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(to_json(notice))
            .execute(&self.readers)
            .await?;
        Ok(())
    }

    /// Tells the other servers which workers are connected here, in JSON. Not in a turn to write: nothing
    /// that is decided rests on it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tell_workers(&self, workers: &impl Serialize) -> Result<(), StoreError> {
        sqlx::query("UPDATE servers SET workers = $1 WHERE id = $2")
            .bind(to_json(workers))
            .bind(self.server().0)
            .execute(&self.readers)
            .await?;
        Ok(())
    }

    /// The workers that are connected to other servers, as these told last.
    ///
    /// # Errors
    /// The database failed.
    pub async fn workers_elsewhere<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        if !self.is_shared() {
            return Ok(Vec::new());
        }
        let rows =
            sqlx::query("SELECT workers FROM servers WHERE id <> $1 AND workers IS NOT NULL")
                .bind(self.server().0)
                .fetch_all(&self.readers)
                .await?;
        let mut workers = Vec::new();
        for row in &rows {
            match json_column::<Vec<T>>(row, "workers") {
                Ok(list) => workers.extend(list),
                Err(error) => tracing::warn!("another server's workers can't be read: {error}"),
            }
        }
        Ok(workers)
    }

    /// Whether another server has died whose trials nobody has adopted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_orphans(&self) -> Result<bool, StoreError> {
        if !self.is_shared() {
            return Ok(false);
        }
        let died = "SELECT id FROM servers WHERE id <> $1 AND pg_try_advisory_xact_lock(id)";
        let died = sqlx::query(died).bind(self.server().0);
        Ok(!died.fetch_all(&self.readers).await?.is_empty())
    }

    /// Takes over what servers that are gone had in hand. The sockets of their workers are gone too:
    /// every holder of a lease gets the grace to come back. Claims are checked here now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn adopt_orphans(
        &self,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<Adopted, StoreError> {
        let mut tx = self.begin().await?;
        let alive = self.alive(&mut tx).await?;
        let rows = sqlx::query(
            "SELECT study_id, trial, server FROM trials
             WHERE state IN ('running', 'checking') AND (server IS NULL OR server <> $1)
             ORDER BY changed_millis, study_id, number",
        )
        .bind(self.server().0)
        .fetch_all(tx.sql().await?)
        .await?;
        let mut adopted = Adopted::default();
        for row in &rows {
            let server: Option<i64> = row.try_get("server")?;
            if server.is_some_and(|server| alive.contains(&server)) {
                continue;
            }
            let study = StudyId(u32_column(row, "study_id")?);
            leave_alone(&mut tx, study, json_column(row, "trial")?, policy, now)?;
            adopted.trials += 1;
            adopted.studies.insert(study);
        }
        tx.commit().await?;
        Ok(adopted)
    }

    /// Lets no lease end before the grace has passed, because its holder could not be heard: the
    /// database was away.
    ///
    /// # Errors
    /// The database failed.
    pub async fn spare_leases(
        &self,
        policy: LeasePolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query("SELECT study_id, trial FROM trials WHERE deadline_millis < $1")
            .bind(now.plus_secs(policy.grace_secs).0)
            .fetch_all(tx.sql().await?)
            .await?;
        for row in &rows {
            let study = StudyId(u32_column(row, "study_id")?);
            leave_alone(&mut tx, study, json_column(row, "trial")?, policy, now)?;
        }
        spare_chunks(&mut tx, policy, now).await?;
        tx.commit().await
    }

    /// Servers that are alive beside this one. Those that are not are forgotten.
    async fn alive(&self, tx: &mut Tx) -> Result<BTreeSet<i64>, StoreError> {
        if !self.is_shared() {
            return Ok(BTreeSet::new());
        }
        sqlx::query("DELETE FROM servers WHERE id <> $1 AND pg_try_advisory_xact_lock(id)")
            .bind(self.server().0)
            .execute(tx.sql().await?)
            .await?;
        let rows = sqlx::query("SELECT id FROM servers")
            .fetch_all(tx.sql().await?)
            .await?;
        let ids = rows.iter().map(|row| row.try_get("id"));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// Stores the trial as this server's, and leaves its lease alone if it has one.
fn leave_alone(
    tx: &mut Tx,
    study: StudyId,
    trial: Trial,
    policy: LeasePolicy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let token = trial.current_lease().map(|lease| lease.token.clone());
    let trial = match token {
        Some(token) => trial.left_alone(&token, policy, now)?,
        None => trial,
    };
    save_trial(tx, study, &trial, now);
    Ok(())
}

impl Listener {
    /// What another server tells next; none when the connection is lost.
    ///
    /// # Errors
    /// The database failed.
    pub async fn hear(&mut self) -> Result<Option<Notice>, StoreError> {
        while let Some(told) = self.inner.try_recv().await? {
            match from_json::<Notice>(told.payload(), "notice") {
                Ok(notice) if notice.server != self.server => return Ok(Some(notice)),
                Ok(_) => {}
                Err(error) => tracing::warn!("another server says what is not understood: {error}"),
            }
        }
        Ok(None)
    }
}
