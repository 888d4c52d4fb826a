//! Which database it is and how connections to it begin. Everything else in the store is said in SQL
//! that both SQLite and PostgreSQL understand.

use std::{path::Path, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
    migrate::Migrator,
    postgres::PgListener,
    sqlite::SqliteConnectOptions,
};
use tokio::time::timeout;

use super::{StoreError, servers::ServerId};

/// How long opening a connection, or waiting for a reader to be free, may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Connections that read at once.
const READERS: u32 = 4;
/// A connection that has rested for longer is tried before it is used: the database may have gone.
const RESTED: Duration = Duration::from_secs(1);

/// A database, reached or not.
#[derive(Clone, Debug)]
pub(super) struct Database {
    kind: Kind,
    /// Which server is on it here.
    server: ServerId,
    writing: AnyConnectOptions,
    reading: AnyConnectOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Database {
    /// SQLite in a file, which is made where it is missing.
    pub(super) fn sqlite(file: &Path, server: ServerId) -> Result<Self, StoreError> {
        // As an address, the first folder of a relative path would be a host.
        let file = std::path::absolute(file).map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new().filename(file);
        let writing = options.clone().create_if_missing(true).to_url_lossy();
        let reading = options.read_only(true).to_url_lossy();
        Ok(Self {
            kind: Kind::Sqlite,
            server,
            writing: quiet(AnyConnectOptions::from_url(&writing)?),
            reading: quiet(AnyConnectOptions::from_url(&reading)?),
        })
    }

    /// PostgreSQL at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub(super) fn postgres(url: &str, server: ServerId) -> Result<Self, StoreError> {
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(StoreError::NotPostgres);
        }
        let options: AnyConnectOptions = url.parse()?;
        Ok(Self {
            kind: Kind::Postgres,
            server,
            writing: quiet(options.clone()),
            reading: quiet(options),
        })
    }

    /// Whether other servers may work on it at the same time.
    pub(super) fn is_shared(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// Brings the tables up to date.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.connect().await?;
        self.migrator().run(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    fn migrator(&self) -> Migrator {
        let mut migrator = sqlx::migrate!("./migrations");
        if self.is_shared() {
            // Where SQLite's words are not PostgreSQL's.
            let own = sqlx::migrate!("./migrations/postgres");
            for migration in migrator.migrations.to_mut() {
                if let Some(own) = own.iter().find(|own| own.version == migration.version) {
                    *migration = own.clone();
                }
            }
        }
        migrator
    }

    /// A connection that may change things.
    pub(super) async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        install_default_drivers();
        let mut connection = timeout(CONNECT_WITHIN, AnyConnection::connect_with(&self.writing))
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)??;
        sqlx::raw_sql(self.writers_settings())
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }

    fn writers_settings(&self) -> &'static str {
        match self.kind {
            // FULL: what was acknowledged survives a power cut too, at the price of one fsync.
            Kind::Sqlite => {
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
            }
            // A server that hangs or has vanished does not keep the others from writing for long.
            Kind::Postgres => {
                "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '15s';
                 SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
                 SET tcp_keepalives_count = 3"
            }
        }
    }

    /// Connections that only read; opened when they are needed.
    pub(super) fn readers(&self) -> AnyPool {
        install_default_drivers();
        AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_WITHIN)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(self.reading.clone())
    }

    /// A connection that hears what other servers tell; none where there can't be others.
    pub(super) async fn listener(&self) -> Result<Option<PgListener>, sqlx::Error> {
        if !self.is_shared() {
            return Ok(None);
        }
        let mut listener = PgListener::connect(self.writing.database_url.as_str()).await?;
        listener.eager_reconnect(false);
        Ok(Some(listener))
    }

    /// Which server is on it here.
    pub(super) fn server(&self) -> ServerId {
        self.server
    }

    /// Begins a transaction that writes. Of all servers on one PostgreSQL
    /// only one has such a transaction at a time, as with SQLite: the lock, whose number is
    /// "tabsweep" in ASCII, ends with it.
    pub(super) async fn begin(&self, connection: &mut AnyConnection) -> Result<Turn, sqlx::Error> {
        let ServerId(server) = self.server;
        let statements = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE".to_owned(),
            Kind::Postgres => format!(
                "BEGIN; SELECT pg_advisory_xact_lock(8386092229204469104);
                 UPDATE turn SET server = {server} WHERE server <> {server} RETURNING server"
            ),
        };
        let statements = sqlx::raw_sql(AssertSqlSafe(statements));
        // One row for the lock, and one more if the turn was another's.
        let rows = statements.fetch_all(connection).await?.len();
        Ok(if rows > 1 {
            Turn::AfterOthers
        } else {
            Turn::Again
        })
    }
}

/// Whose turn to write it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// This server's.
    Again,
    /// Another's, or nobody's yet.
    AfterOthers,
}

fn quiet(options: AnyConnectOptions) -> AnyConnectOptions {
    options.disable_statement_logging()
}
