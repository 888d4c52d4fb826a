//! What is remembered, in SQLite or PostgreSQL: the only place with SQL. Every change of a trial is one
//! transaction, and only one is under way at a time; what it decides is decided by `tabsweep_study`.

mod answers;
mod batch;
mod bundles;
mod chunks;
mod credit;
mod database;
mod events;
mod export;
mod in_hand;
mod jobs;
mod labels;
mod leases;
mod memory;
mod next;
mod numerics;
mod operator;
mod plots;
mod rows;
mod servers;
mod studies;
mod trials;
mod uploads;
mod volunteers;
mod weights;
mod writer;

use std::{path::Path, sync::Arc};

use sqlx::{AnyPool, migrate::MigrateError};
use tabsweep_protocol::{JobId, LeaseToken, Numerics, Sha256, StudyId, TrialNumber, VolunteerId};
use tabsweep_study::TransitionError;

pub use bundles::{RemovedBundle, StoredBundle};
pub use chunks::{ChunkLease, ChunkRef, LeasedChunk};
pub use credit::{Contributor, Credit, Earnings, Work};
use database::Database;
pub use jobs::{JobDefinition, JobPicture, JobProgress, StoredJob};
pub use labels::{ClassCount, LabelFilter, LabelledPicture};
pub use leases::{Heard, LeaseRecord, Leased};
pub use next::NextLease;
pub use plots::{EpochCount, EpochScore, Sample, SampledTrial, ScoreAt, Shift};
pub use servers::{Adopted, Listener, Notice, ServerId};
pub use studies::{DataManifest, StoredStudy, TrialCounts};
pub use trials::{ClaimKind, ClaimRef, EpochRow, LeaseRow, ModelRow, TrialPage, VerifiedRow};
pub use uploads::Uploads;
pub use volunteers::Volunteer;

pub(crate) use writer::Tx;
use writer::Writer;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed: disk full, file locked or damaged.
    #[error("the database failed: {source}")]
    Database {
        /// What it said.
        #[from]
        source: sqlx::Error,
    },
    /// Changes were not kept: all that were to be committed together have failed.
    #[error("the database failed: {source}")]
    Commit {
        /// What it said.
        source: Arc<sqlx::Error>,
    },
    /// The address is not one of PostgreSQL.
    #[error("the database's address must begin with postgres://")]
    NotPostgres,
    /// A later version of the program has been here.
    #[error("the database is of a newer version (migration {migration}); start that one")]
    Newer {
        /// The first migration that is not known here.
        migration: i64,
    },
    /// Its migration failed.
    #[error("the database can't be brought up to date: {source}")]
    Migration {
        /// What went wrong.
        source: MigrateError,
    },
    /// A stored value can't be read back.
    #[error("a stored {what} can't be read: {source}")]
    Stored {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// No such trial.
    #[error("study {study} has no trial {number}")]
    NoTrial {
        /// The study.
        study: StudyId,
        /// The number asked for.
        number: TrialNumber,
    },
    /// No such study.
    #[error("there is no study {study}")]
    NoStudy {
        /// The id asked for.
        study: StudyId,
    },
    /// No such bundle.
    #[error("there is no bundle {sha256}")]
    NoBundle {
        /// The hash asked for.
        sha256: Sha256,
    },
    /// A job that has not ended has this bundle as its model.
    #[error("{bundle} is the model of job {job}, {name}, which has not ended; stop the job first")]
    BundleInUse {
        /// What the bundle is called.
        bundle: String,
        /// The job.
        job: JobId,
        /// What the job is called.
        name: String,
    },
    /// No such labelling job.
    #[error("there is no job {job}")]
    NoJob {
        /// The id asked for.
        job: JobId,
    },
    /// The job has ended, and can't be held or go on.
    #[error("job {job} has ended")]
    JobEnded {
        /// The job.
        job: JobId,
    },
    /// A verdict is about a chunk as it no longer is.
    #[error("the chunk has changed since it was looked at")]
    ChunkChanged,
    /// The study has ended, and can't be held or go on as it is.
    #[error("study {study} has finished; extend its budget to have it run again")]
    StudyFinished {
        /// The study.
        study: StudyId,
    },
    /// No lease with this token was ever granted.
    #[error("no lease has this token")]
    NoLease {
        /// The token.
        token: LeaseToken,
    },
    /// The lease is another volunteer's.
    #[error("the lease belongs to another volunteer")]
    NotYourLease {
        /// The token.
        token: LeaseToken,
        /// Who used it.
        volunteer: VolunteerId,
    },
    /// The lease is from before the trial began anew under another numeric contract.
    #[error("the lease is of numerics {lease}, the trial is now trained under numerics {trial}")]
    OtherNumerics {
        /// The contract that the lease was granted under.
        lease: Numerics,
        /// The trial's contract.
        trial: Numerics,
    },
    /// The trial is not where the event could happen.
    #[error(transparent)]
    Transition {
        /// From where, and what.
        #[from]
        source: TransitionError,
    },
    /// A checkpoint or claim names bytes that this lease has not uploaded.
    #[error("the lease has uploaded no blob with this hash")]
    NotUploaded,
    /// The weights are those of another trial, which are public.
    #[error("these are the weights of another trial")]
    CopiedWeights,
}

impl From<MigrateError> for StoreError {
    fn from(source: MigrateError) -> Self {
        match source {
            MigrateError::VersionMissing(migration) => Self::Newer { migration },
            source => Self::Migration { source },
        }
    }
}

/// SQLite's `SQLITE_FULL` and PostgreSQL's `disk_full`.
const DISK_FULL: [&str; 2] = ["13", "53100"];
/// What PostgreSQL says when it starts or stops, has no connection to spare, or ends a transaction
/// that took too long (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const UNAVAILABLE: [&str; 6] = ["53300", "55P03", "25P03", "57P01", "57P02", "57P03"];

impl StoreError {
    /// Whether there is no room for what was to be remembered.
    pub fn is_disk_full(&self) -> bool {
        self.has_code(&DISK_FULL)
    }

    /// Whether the database can't be reached now, and may be again later.
    pub fn is_unavailable(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, WorkerCrashed};
        let is_away = self.source_in_database().is_some_and(|source| {
            let is_gone = matches!(source, PoolClosed | PoolTimedOut | WorkerCrashed);
            is_gone || matches!(source, Io(_) | Protocol(_))
        });
        is_away || self.has_code(&UNAVAILABLE)
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        let error = self
            .source_in_database()
            .and_then(sqlx::Error::as_database_error);
        let code = error.and_then(|error| error.code());
        code.is_some_and(|code| codes.contains(&code.as_ref()))
    }

    fn source_in_database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database { source } => Some(source),
            Self::Commit { source } => Some(source),
            _ => None,
        }
    }

    /// Whether the asker is wrong rather than the store.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Database { .. }
                | Self::Commit { .. }
                | Self::NotPostgres
                | Self::Newer { .. }
                | Self::Migration { .. }
                | Self::Stored { .. }
        )
    }
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    /// One connection: there is one writer at a time, and waiting for it here is fairer than in the
    /// database.
    writer: Writer,
    readers: AnyPool,
}

impl Store {
    /// Opens SQLite's file, creates it where there is none, and brings it up to date.
    ///
    /// # Errors
    /// The file can't be opened, or is of a newer version.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        Self::on(Database::sqlite(file, ServerId::drawn())?).await
    }

    /// Connects to PostgreSQL at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and brings the
    /// database there up to date. Other servers may be on it.
    ///
    /// # Errors
    /// It can't be reached, or is of a newer version.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::on(Database::postgres(url, ServerId::drawn())?).await
    }

    async fn on(database: Database) -> Result<Self, StoreError> {
        database.migrate().await?;
        let store = Self {
            writer: Writer::new(database.clone()),
            readers: database.readers(),
            database,
        };
        store.tell_events_from_before().await?;
        Ok(store)
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        self.writer.begin().await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Waits for what is being written and closes the connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
