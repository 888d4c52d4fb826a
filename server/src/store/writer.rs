//! The one writer of the database. Changes that arrive while others are being made are committed with
//! them: one flush to disk for all. Nobody is answered before that, and when it fails all of them
//! have failed.

use std::sync::Arc;

use sqlx::{AnyConnection, Connection};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, oneshot},
};

use super::{
    StoreError,
    batch::{Batch, Kind, Value},
    database::{Database, Turn},
    memory::Memory,
    servers::ServerId,
};

/// The writing connection, shared by everybody who changes something.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    group: Arc<Mutex<Group>>,
    server: ServerId,
}

type Committed = oneshot::Receiver<Result<(), Arc<sqlx::Error>>>;

/// Changes that will be committed together.
#[derive(Debug)]
struct Group {
    database: Database,
    /// None until it is needed, again after the database has gone, and once the store is closed.
    connection: Option<AnyConnection>,
    is_closed: bool,
    /// Whether a transaction is open around the changes.
    is_open: bool,
    /// Whether it is being begun, or that was given up.
    is_beginning: bool,
    /// Whether the transaction has a savepoint.
    has_savepoint: bool,
    change: Change,
    /// Whether somebody is on the way to commit.
    is_awaited: bool,
    /// Who waits for the commit.
    waiting: Vec<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>,
    memory: Memory,
    batch: Batch,
}

/// How far the last change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It is complete.
    Done,
    /// It is under way or was given up, and has asked the database nothing.
    Begun,
    /// It is under way or was given up, and what it told the database comes after the savepoint.
    Asked,
}

/// One change of the database: all of it happens at [`Tx::commit`], or nothing.
pub(crate) struct Tx {
    /// There until the change is over.
    group: Option<OwnedMutexGuard<Group>>,
    writer: Writer,
}

impl Writer {
    pub(super) fn new(database: Database) -> Self {
        let server = database.server();
        let group = Group {
            database,
            connection: None,
            is_closed: false,
            is_open: false,
            is_beginning: false,
            has_savepoint: false,
            change: Change::Done,
            is_awaited: false,
            waiting: Vec::new(),
            memory: Memory::default(),
            batch: Batch::default(),
        };
        Self {
            group: Arc::new(Mutex::new(group)),
            server,
        }
    }

    /// Waits for its turn, which comes in the order of asking, and begins a change.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        let mut group = self.group.clone().lock_owned().await;
        // First, so that nothing stays open whenever the asker gives up.
        self.commit_soon(&mut group);
        if let Err(error) = group.begin_change().await {
            let source = Arc::new(error);
            group.fail(&source).await;
            return Err(StoreError::Commit { source });
        }
        Ok(Tx {
            group: Some(group),
            writer: self.clone(),
        })
    }

    /// The server process that writes.
    pub(super) fn server(&self) -> ServerId {
        self.server
    }

    /// A change of nothing but a row, and of what is remembered.
    pub(super) async fn add(
        &self,
        kind: Kind,
        row: Vec<Value>,
        remember: impl FnOnce(&mut Memory),
    ) -> Result<(), StoreError> {
        let mut group = self.group.clone().lock_owned().await;
        self.commit_soon(&mut group);
        if let Err(error) = group.open().await {
            let source = Arc::new(error);
            group.fail(&source).await;
            return Err(StoreError::Commit { source });
        }
        group.batch.push(kind, row);
        remember(&mut group.memory);
        let committed = group.wait();
        drop(group);
        told(committed).await
    }

    /// Commits what is under way and closes the connection.
    pub(super) async fn close(&self) {
        let mut group = self.group.lock().await;
        group.commit().await;
        group.is_closed = true;
        if let Some(connection) = group.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::error!("the database was not closed in order: {error}");
        }
    }

    /// Has the group committed after those who wait for their turn already, so that their changes are
    /// in it.
    fn commit_soon(&self, group: &mut Group) {
        if group.is_awaited {
            return;
        }
        // Without a runtime the process is ending, and nobody waits.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        group.is_awaited = true;
        let writer = self.clone();
        runtime.spawn(async move { writer.group.lock().await.commit().await });
    }
}

impl Group {
    async fn begin_change(&mut self) -> Result<(), sqlx::Error> {
        self.open().await?;
        self.memory.change_begins();
        self.batch.change_begins();
        self.change = Change::Begun;
        Ok(())
    }

    /// Opens the transaction, if it is not, after undoing what was given up half-way.
    async fn open(&mut self) -> Result<(), sqlx::Error> {
        if let Err(error) = self.undo_half_change().await {
            self.fail(&Arc::new(error)).await;
        }
        self.undo_half_beginning().await;
        if self.is_open {
            return Ok(());
        }
        self.connect().await?;
        // First: whoever asks may give up before the database answers.
        self.is_open = true;
        self.is_beginning = true;
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        if self.database.begin(connection).await? == Turn::AfterOthers {
            self.memory.others_wrote();
        }
        self.is_beginning = false;
        Ok(())
    }

    /// Whether the transaction has begun, and whose turn it was before, is not known where its
    /// beginning was given up. There is no change in it.
    async fn undo_half_beginning(&mut self) {
        if self.is_beginning {
            let given_up = sqlx::Error::WorkerCrashed;
            self.fail(&Arc::new(given_up)).await;
        }
    }

    /// Readies the connection for a statement of the change under way: with a savepoint to go back
    /// to, and with all rows written that wait.
    async fn ask(&mut self) -> Result<(), sqlx::Error> {
        if self.change == Change::Begun {
            // Until it is there again: whoever asks may give up between the two. In one message, as
            // on PostgreSQL each costs a way there and back.
            let begin = match std::mem::take(&mut self.has_savepoint) {
                true => "RELEASE change; SAVEPOINT change",
                false => "SAVEPOINT change",
            };
            self.run(begin).await?;
            self.has_savepoint = true;
            self.change = Change::Asked;
        }
        self.write_batch().await
    }

    fn wait(&mut self) -> Committed {
        let (waiting, committed) = oneshot::channel();
        self.waiting.push(waiting);
        committed
    }

    async fn connect(&mut self) -> Result<(), sqlx::Error> {
        if self.is_closed {
            return Err(sqlx::Error::PoolClosed);
        }
        if self.connection.is_none() {
            self.connection = Some(self.database.connect().await?);
        }
        Ok(())
    }

    async fn undo_half_change(&mut self) -> Result<(), sqlx::Error> {
        let change = std::mem::replace(&mut self.change, Change::Done);
        if change == Change::Done {
            return Ok(());
        }
        self.memory.change_undone();
        self.batch.change_undone();
        if change == Change::Begun {
            return Ok(());
        }
        // Until it is undone.
        self.change = change;
        self.run("ROLLBACK TO change").await?;
        self.change = Change::Done;
        Ok(())
    }

    async fn commit(&mut self) {
        self.is_awaited = false;
        let undone = self.undo_half_change().await;
        self.undo_half_beginning().await;
        if !self.is_open {
            return;
        }
        let committed = match undone {
            Ok(()) => self.write_and_commit().await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => {
                self.close_transaction();
                for waiting in self.waiting.drain(..) {
                    // Who no longer waits doesn't mind.
                    let _ = waiting.send(Ok(()));
                }
            }
            Err(error) => self.fail(&Arc::new(error)).await,
        }
    }

    async fn write_and_commit(&mut self) -> Result<(), sqlx::Error> {
        self.write_batch().await?;
        // Released first: PostgreSQL takes the commit of a failed transaction for a rollback, and says
        // that all went well.
        self.run(match self.has_savepoint {
            true => "RELEASE change; COMMIT",
            false => "COMMIT",
        })
        .await
    }

    fn close_transaction(&mut self) {
        self.is_open = false;
        self.is_beginning = false;
        self.has_savepoint = false;
        self.change = Change::Done;
    }

    async fn write_batch(&mut self) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        self.batch.write(connection).await
    }

    /// Nothing of the group has happened. SQLite may have rolled back by itself: when the disk is
    /// full it does (<https://sqlite.org/lang_transaction.html>, section 3.1).
    async fn fail(&mut self, error: &Arc<sqlx::Error>) {
        let rolled_back = self.run("ROLLBACK").await;
        if rolled_back.is_err_and(|error| error.as_database_error().is_none()) {
            // It is gone; the next change looks for it anew.
            self.connection = None;
        }
        self.close_transaction();
        // It may tell of changes that did not happen.
        self.memory.forget();
        self.batch.forget();
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Err(error.clone()));
        }
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let done = sqlx::raw_sql(statement).execute(connection).await;
        done.map(drop)
    }
}

/// What came of the commit that somebody waits for.
async fn told(committed: Committed) -> Result<(), StoreError> {
    match committed.await {
        Ok(result) => result.map_err(|source| StoreError::Commit { source }),
        Err(_) => Err(sqlx::Error::PoolClosed.into()),
    }
}

impl Tx {
    /// Makes the change, for good: it is on disk when this returns.
    ///
    /// # Errors
    /// The database failed; then nothing has happened.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let group = self.group.as_mut().expect("the change is not over");
        group.change = Change::Done;
        let committed = group.wait();
        // The next one's turn.
        drop(self.group.take());
        told(committed).await
    }

    /// The server process whose change it is.
    pub(super) fn server(&self) -> ServerId {
        self.writer.server
    }

    /// Adds a row, which is written before this or another change asks the database something.
    pub(super) fn push(&mut self, kind: Kind, row: Vec<Value>) {
        let group = self.group.as_mut().expect("the change is not over");
        group.batch.push(kind, row);
    }

    /// The connection, for a statement of this change: all rows that were added so far can be seen.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn sql(&mut self) -> Result<&mut AnyConnection, StoreError> {
        let group = self.group.as_mut().expect("the change is not over");
        group.ask().await?;
        let connection = group.connection.as_mut();
        Ok(connection.expect("a change begins on an open connection"))
    }

    /// What is remembered from earlier changes.
    pub(super) fn memory(&mut self) -> &mut Memory {
        &mut self.group.as_mut().expect("the change is not over").memory
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    async fn writer(folder: &std::path::Path) -> Writer {
        let database = Database::sqlite(&folder.join("test.sqlite3"), ServerId(1)).unwrap();
        let writer = Writer::new(database);
        let mut tx = writer.begin().await.unwrap();
        sqlx::query("CREATE TABLE numbers (number BIGINT NOT NULL PRIMARY KEY)")
            .execute(tx.sql().await.unwrap())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        writer
    }

    async fn add(tx: &mut Tx, number: i64) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO numbers VALUES ($1)").bind(number);
        insert.execute(tx.sql().await?).await?;
        Ok(())
    }

    async fn numbers(writer: &Writer) -> Vec<i64> {
        let mut tx = writer.begin().await.unwrap();
        let query = sqlx::query_scalar("SELECT number FROM numbers ORDER BY number");
        query.fetch_all(tx.sql().await.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_change_that_is_given_up_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        let changes = (0..40).map(|number| {
            let writer = writer.clone();
            tokio::spawn(async move {
                let mut tx = writer.begin().await.unwrap();
                add(&mut tx, number).await.unwrap();
                if number % 4 != 0 {
                    tx.commit().await.unwrap();
                }
            })
        });
        for change in changes.collect::<Vec<_>>() {
            change.await.unwrap();
        }
        let expected: Vec<_> = (0..40).filter(|number| number % 4 != 0).collect();
        assert_eq!(numbers(&writer).await, expected);
    }

    #[tokio::test]
    async fn a_failed_statement_leaves_the_writer_sound() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        for number in [1, 1, 2] {
            let mut tx = writer.begin().await.unwrap();
            if add(&mut tx, number).await.is_ok() {
                tx.commit().await.unwrap();
            }
        }
        assert_eq!(numbers(&writer).await, [1, 2]);
    }

    #[tokio::test]
    async fn when_the_group_is_lost_everybody_in_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        let earlier = writer.begin().await.unwrap();
        let (mut first, mut second) = (pin!(writer.begin()), pin!(writer.begin()));
        for waits in [&mut first, &mut second] {
            assert!(waits.now_or_never().is_none());
        }
        earlier.commit().await.unwrap();
        let mut first = first.await.unwrap();
        add(&mut first, 1).await.unwrap();
        let first = tokio::spawn(first.commit());
        let mut second = second.await.unwrap();
        // As SQLite does by itself when the disk is full.
        let rollback = sqlx::query("ROLLBACK");
        rollback.execute(second.sql().await.unwrap()).await.unwrap();
        assert!(second.commit().await.is_err());
        assert!(first.await.unwrap().is_err());
        let mut third = writer.begin().await.unwrap();
        add(&mut third, 3).await.unwrap();
        third.commit().await.unwrap();
        assert_eq!(numbers(&writer).await, [3]);
    }
}
