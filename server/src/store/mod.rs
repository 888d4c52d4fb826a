//! What is remembered, in SQLite: the only place with SQL. Every change of a trial is one immediate
//! transaction; what it decides is decided by `tabsweep_study`.

mod bundles;
mod events;
mod leases;
mod next;
mod numerics;
mod operator;
mod rows;
mod studies;
mod trials;
mod uploads;
mod volunteers;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tabsweep_protocol::{LeaseToken, Numerics, StudyId, TrialNumber, VolunteerId};
use tabsweep_study::TransitionError;

pub use bundles::StoredBundle;
pub use leases::{Heard, LeaseRecord, Leased, NextLease};
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
    /// The database is of a newer version, or its migration failed.
    #[error("the database can't be brought up to date: {source}")]
    Migration {
        /// What went wrong.
        #[from]
        source: sqlx::migrate::MigrateError,
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

/// SQLite's `SQLITE_FULL` and PostgreSQL's `disk_full`.
const DISK_FULL: [&str; 2] = ["13", "53100"];

impl StoreError {
    /// Whether there is no room for what was to be remembered.
    pub fn is_disk_full(&self) -> bool {
        let source = match self {
            Self::Database { source } => source,
            Self::Commit { source } => source,
            _ => return false,
        };
        let code = source.as_database_error().and_then(|error| error.code());
        code.is_some_and(|code| DISK_FULL.contains(&code.as_ref()))
    }

    /// Whether the asker is wrong rather than the store.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Database { .. }
                | Self::Commit { .. }
                | Self::Migration { .. }
                | Self::Stored { .. }
        )
    }
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection: SQLite has one writer, and waiting for it here is fairer than `SQLITE_BUSY`.
    writer: Writer,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database file, creates it where there is none, and brings it up to date.
    ///
    /// # Errors
    /// The file can't be opened, or is of a newer version.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        // FULL: what was acknowledged survives a power cut too, at the price of one fsync.
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let mut migrator = SqliteConnection::connect_with(&options).await?;
        sqlx::migrate!("./migrations").run(&mut migrator).await?;
        migrator.close().await?;
        let writer = Writer::open(&options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true))
            .await?;
        let store = Self { writer, readers };
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

    /// Waits for what is being written and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
