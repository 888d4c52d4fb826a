//! Rows that are to be written. They wait until somebody asks the database something, mostly until their
//! group is committed, and are written many in one statement: what costs most in a change is the way to
//! the database and back.

use std::{collections::BTreeMap, sync::OnceLock};

use sqlx::AnyConnection;

/// Most rows in one statement. Fewer are written as powers of two, so that the database knows each
/// statement from before.
const MOST_ROWS: usize = 64;
/// Powers of two up to that.
const SIZES: usize = MOST_ROWS.ilog2() as usize + 1;

/// What a row says, in the order in which kinds are written: a lease stands before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Study, number, state, trial, numerics, deadline, checkpoint, both scores, weights, volunteer,
    /// when changed, server, claim.
    Trial,
    /// Study, number in the study, event.
    Event,
    /// Token, study, trial, attempt, numerics, volunteer, worker, when granted, from which step and
    /// lease on.
    Lease,
    /// Token, when, how.
    LeaseEnd,
    /// Study, trial, epoch, step, score, loss, hash, attempt, when reported.
    Epoch,
    /// Token, hash, bytes, when.
    Upload,
}

const KINDS: usize = Kind::Upload as usize + 1;

impl Kind {
    fn columns(self) -> usize {
        match self {
            Self::Event | Self::LeaseEnd => 3,
            Self::Upload => 4,
            Self::Epoch => 9,
            Self::Lease => 10,
            Self::Trial => 14,
        }
    }

    /// What stands before and after the rows.
    fn statement(self) -> (&'static str, &'static str) {
        match self {
            Self::Trial => (
                "INSERT INTO trials (study_id, number, state, trial, numerics, deadline_millis,
                     checkpoint, validation_score, test_score, weights_sha256, volunteer_id,
                     changed_millis, server, claim) VALUES ",
                " ON CONFLICT (study_id, number) DO UPDATE SET state = excluded.state,
                     trial = excluded.trial, numerics = excluded.numerics,
                     deadline_millis = excluded.deadline_millis, checkpoint = excluded.checkpoint,
                     validation_score = excluded.validation_score,
                     test_score = excluded.test_score, weights_sha256 = excluded.weights_sha256,
                     volunteer_id = excluded.volunteer_id,
                     changed_millis = excluded.changed_millis, server = excluded.server,
                     claim = excluded.claim",
            ),
            Self::Event => ("INSERT INTO events (study_id, seq, event) VALUES ", ""),
            Self::Lease => (
                "INSERT INTO leases (token, study_id, number, attempt, numerics, volunteer_id, worker,
                     granted_millis, from_step, from_lease) VALUES ",
                "",
            ),
            Self::LeaseEnd => (
                "UPDATE leases SET ended_millis = column2, ended = column3 FROM (VALUES ",
                ") AS ends WHERE leases.token = column1",
            ),
            Self::Epoch => (
                "INSERT INTO epochs (study_id, number, epoch, step, validation_score, mean_loss,
                     state_sha256, attempt, reported_millis) VALUES ",
                " ON CONFLICT (study_id, number, epoch) DO UPDATE SET step = excluded.step,
                     validation_score = excluded.validation_score, mean_loss = excluded.mean_loss,
                     state_sha256 = excluded.state_sha256, attempt = excluded.attempt,
                     reported_millis = excluded.reported_millis",
            ),
            Self::Upload => (
                "INSERT INTO uploads (token, sha256, bytes, uploaded_millis) VALUES ",
                " ON CONFLICT (token, sha256) DO NOTHING",
            ),
        }
    }

    /// How column `column` is written at place `$number`.
    fn placeholder(self, column: usize, number: usize) -> String {
        match (self, column) {
            // Not as NULL, to which sqlx's driver for all databases gives another type.
            (Self::Trial, 7 | 8) => format!("NULLIF(${number}, {NO_SCORE})"),
            _ => format!("${number}"),
        }
    }

    /// Columns that name a row, where of several with the same name the last one counts. Of others
    /// there must not be two.
    fn key(self) -> Option<usize> {
        match self {
            Self::Trial | Self::Upload => Some(2),
            Self::LeaseEnd => Some(1),
            Self::Epoch => Some(3),
            Self::Event | Self::Lease => None,
        }
    }
}

/// A value in a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(i64),
    NoInt,
    Real(f64),
    /// From 0 to 1, if there is one.
    Score(Option<f64>),
    Text(String),
    NoText,
}

/// What no score is.
const NO_SCORE: f64 = -1.0;

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::NoInt, Self::Int)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        value.map_or(Self::NoText, Self::from)
    }
}

type Row = (Kind, Vec<Value>);

/// The rows of a group that wait.
#[derive(Debug, Default)]
pub(super) struct Batch {
    waiting: Vec<Row>,
    /// How many of them are from before the change under way.
    before_change: usize,
    /// Those from before it that were written during it: undoing it undoes that.
    written: Vec<Row>,
}

impl Batch {
    /// A change begins: what is here is there to stay.
    pub(super) fn change_begins(&mut self) {
        self.written.clear();
        self.before_change = self.waiting.len();
    }

    /// The change was given up.
    pub(super) fn change_undone(&mut self) {
        self.waiting.truncate(self.before_change);
        self.written.append(&mut self.waiting);
        self.waiting = std::mem::take(&mut self.written);
        self.before_change = self.waiting.len();
    }

    /// The group has failed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Adds a row.
    pub(super) fn push(&mut self, kind: Kind, row: Vec<Value>) {
        debug_assert_eq!(row.len(), kind.columns());
        self.waiting.push((kind, row));
    }

    /// Writes what waits.
    pub(super) async fn write(
        &mut self,
        connection: &mut AnyConnection,
    ) -> Result<(), sqlx::Error> {
        let mut by_kind = BTreeMap::<Kind, Vec<&[Value]>>::new();
        for (kind, row) in &self.waiting {
            by_kind.entry(*kind).or_default().push(row);
        }
        for (kind, rows) in by_kind {
            for rows in rows.chunks(MOST_ROWS) {
                let rows = last_of_each(kind, rows);
                let mut rows = &rows[..];
                while !rows.is_empty() {
                    let (now, later) = rows.split_at(together(rows.len()));
                    write_rows(connection, kind, now).await?;
                    rows = later;
                }
            }
        }
        let own = self.waiting.drain(..).take(self.before_change);
        self.written.extend(own);
        self.before_change = 0;
        Ok(())
    }
}

/// How many of `rows` rows go into the next statement.
fn together(rows: usize) -> usize {
    1 << rows.ilog2()
}

/// A database does not take two rows of the same name in one statement.
fn last_of_each<'a>(kind: Kind, rows: &[&'a [Value]]) -> Vec<&'a [Value]> {
    let Some(key) = kind.key() else {
        return rows.to_vec();
    };
    let name = |row: &'a [Value]| &row[..key];
    let is_last = |(place, row): &(usize, &&'a [Value])| {
        let later = &rows[place + 1..];
        later.iter().all(|later| name(later) != name(row))
    };
    let last = rows.iter().enumerate().filter(is_last);
    last.map(|(_, row)| *row).collect()
}

async fn write_rows(
    connection: &mut AnyConnection,
    kind: Kind,
    rows: &[&[Value]],
) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query(statement(kind, rows.len()));
    for value in rows.iter().copied().flatten() {
        query = match value {
            Value::Int(value) => query.bind(*value),
            Value::NoInt => query.bind(None::<i64>),
            Value::Real(value) => query.bind(*value),
            Value::Score(value) => query.bind(value.unwrap_or(NO_SCORE)),
            Value::Text(value) => query.bind(value.clone()),
            Value::NoText => query.bind(None::<String>),
        };
    }
    query.execute(connection).await.map(drop)
}

/// The statement for a power of two of rows; written once.
fn statement(kind: Kind, rows: usize) -> &'static str {
    static WRITTEN: [[OnceLock<String>; SIZES]; KINDS] =
        [const { [const { OnceLock::new() }; SIZES] }; KINDS];
    let size = rows.ilog2() as usize;
    WRITTEN[kind as usize][size].get_or_init(|| write_statement(kind, rows))
}

fn write_statement(kind: Kind, rows: usize) -> String {
    let (before, after) = kind.statement();
    let row = |row: usize| {
        let place = |column| kind.placeholder(column, row * kind.columns() + column + 1);
        let places: Vec<_> = (0..kind.columns()).map(place).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    format!("{before}{}{after}", rows.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(number: i64) -> Vec<Value> {
        let hash = number.to_string();
        vec![
            "token".into(),
            hash.as_str().into(),
            1_i64.into(),
            number.into(),
        ]
    }

    #[test]
    fn statements_have_a_place_for_each_column() {
        assert_eq!(
            statement(Kind::Event, 2),
            "INSERT INTO events (study_id, seq, event) VALUES ($1, $2, $3), ($4, $5, $6)"
        );
        let trials = statement(Kind::Trial, 2);
        assert!(
            trials.contains("$7, NULLIF($8, -1), NULLIF($9, -1), $10"),
            "{trials}"
        );
        assert!(trials.contains("$28)"), "{trials}");
        let sizes = [1, 2, 3, 63, 64].map(together);
        assert_eq!(sizes, [1, 2, 2, 32, 64]);
    }

    #[test]
    fn of_an_epoch_reported_twice_the_last_report_counts() {
        let row = |step: i64| -> Vec<Value> {
            let mut row = vec![Value::Int(1); 9];
            row[3] = step.into();
            row
        };
        let (first, second) = (row(5), row(6));
        assert_eq!(last_of_each(Kind::Epoch, &[&first, &second]), [&second[..]]);
    }

    #[test]
    fn a_change_that_is_given_up_leaves_what_was_there() {
        let mut batch = Batch::default();
        batch.push(Kind::Upload, upload(1));
        batch.change_begins();
        batch.push(Kind::Upload, upload(2));
        batch.change_undone();
        assert_eq!(batch.waiting, [(Kind::Upload, upload(1))]);
    }
}
