//! Credit: what verified work is worth, and whose it was. Work is credited to every volunteer on the
//! line of checkpoints that led to what was verified, each for the steps between where their lease
//! began and where the next one went on.

use serde::{Serialize, Serializer};
use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{LeaseToken, VolunteerId};
use tabsweep_study::Timestamp;

use super::{Store, StoreError, Tx, rows::u32_column};

/// Multiply-adds of verified work. Crosses to JavaScript as a string, as all 64-bit numbers do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credit(pub u64);

impl Serialize for Credit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A trial's work as far as a verdict vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Optimiser steps from the trial's beginning.
    pub steps: u64,
    /// Optimiser steps of an epoch.
    pub steps_per_epoch: u64,
    /// Multiply-adds of an epoch.
    pub multiply_adds_per_epoch: u64,
}

impl Work {
    /// What the steps after `from` and up to `to` are worth. Stretches that meet add up to the whole.
    fn worth(&self, from: u64, to: u64) -> u64 {
        let up_to = |step: u64| {
            let per_epoch = u128::from(self.multiply_adds_per_epoch);
            u128::from(step) * per_epoch / u128::from(self.steps_per_epoch.max(1))
        };
        let worth = up_to(to).saturating_sub(up_to(from));
        u64::try_from(worth).unwrap_or(u64::MAX)
    }
}

/// A volunteer on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contributor {
    /// Id.
    pub id: VolunteerId,
    /// Nickname, not unique.
    pub nickname: String,
    /// Verified work.
    pub credit: Credit,
    /// Claims found right.
    pub verified: u32,
    /// When they were here last.
    pub seen: Timestamp,
}

/// What a volunteer has earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earnings {
    /// Verified work.
    pub credit: Credit,
    /// Place among all volunteers, from 1; none without credit.
    pub rank: Option<u32>,
}

impl Store {
    /// Volunteers with credit, those with most first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn contributors(&self, limit: u32) -> Result<Vec<Contributor>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, nickname, credit, verified, seen_millis FROM volunteers
             WHERE credit > 0 ORDER BY credit DESC, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(contributor_from_row).collect()
    }

    /// What a volunteer has earned, and how that compares.
    ///
    /// # Errors
    /// The database failed.
    pub async fn earnings(&self, id: VolunteerId) -> Result<Earnings, StoreError> {
        let row = sqlx::query(
            "SELECT credit, (SELECT COUNT(*) FROM volunteers AS others
                             WHERE others.credit > volunteers.credit
                                OR (others.credit = volunteers.credit
                                    AND others.id < volunteers.id)) AS ahead
             FROM volunteers WHERE id = $1",
        )
        .bind(i64::from(id.0))
        .fetch_one(&self.readers)
        .await?;
        let credit = credit_column(&row)?;
        let ahead = u32_column(&row, "ahead")?;
        let rank = (credit.0 > 0).then_some(ahead + 1);
        Ok(Earnings { credit, rank })
    }
}

/// Credits everybody who has trained what was verified under `lease`, as far as that has not been
/// done at an earlier rung.
pub(super) async fn credit(tx: &mut Tx, lease: &LeaseToken, work: Work) -> Result<(), StoreError> {
    let (mut next, mut to) = (Some(lease.as_str().to_owned()), work.steps);
    while let Some(token) = next {
        let Some(stretch) = stretch(tx, &token).await? else {
            break;
        };
        let from = stretch.from.max(stretch.credited);
        if from >= to {
            break;
        }
        add_credit(tx, stretch.volunteer, work.worth(from, to)).await?;
        mark_credited(tx, &token, to).await?;
        // What lies before a stretch that was credited in part has been credited with it.
        next = stretch.before.filter(|_| stretch.credited == 0);
        to = stretch.from;
    }
    Ok(())
}

/// A lease's part of a trial.
struct Stretch {
    volunteer: VolunteerId,
    from: u64,
    credited: u64,
    before: Option<String>,
}

async fn stretch(tx: &mut Tx, token: &str) -> Result<Option<Stretch>, StoreError> {
    let row = sqlx::query(
        "SELECT volunteer_id, from_step, from_lease, credited_step FROM leases WHERE token = $1",
    )
    .bind(token)
    .fetch_optional(tx.sql().await?)
    .await?;
    row.map(|row| {
        Ok(Stretch {
            volunteer: VolunteerId(u32_column(&row, "volunteer_id")?),
            from: u64_column(&row, "from_step")?,
            credited: u64_column(&row, "credited_step")?,
            before: row.try_get("from_lease")?,
        })
    })
    .transpose()
}

async fn add_credit(tx: &mut Tx, id: VolunteerId, worth: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE volunteers SET credit = credit + $1 WHERE id = $2")
        .bind(column(worth))
        .bind(i64::from(id.0))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}

async fn mark_credited(tx: &mut Tx, token: &str, step: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE leases SET credited_step = $1 WHERE token = $2")
        .bind(column(step))
        .bind(token)
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}

fn contributor_from_row(row: &AnyRow) -> Result<Contributor, StoreError> {
    Ok(Contributor {
        id: VolunteerId(u32_column(row, "id")?),
        nickname: row.try_get("nickname")?,
        credit: credit_column(row)?,
        verified: u32_column(row, "verified")?,
        seen: Timestamp(row.try_get("seen_millis")?),
    })
}

fn credit_column(row: &AnyRow) -> Result<Credit, StoreError> {
    Ok(Credit(u64_column(row, "credit")?))
}

fn u64_column(row: &AnyRow, column: &'static str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
}

fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_meet_are_worth_the_whole() {
        let work = Work {
            steps: 14,
            steps_per_epoch: 7,
            multiply_adds_per_epoch: 1_000,
        };
        assert_eq!(work.worth(0, 14), 2_000);
        let parts = [(0, 1), (1, 6), (6, 13), (13, 14)];
        let sum: u64 = parts.iter().map(|&(from, to)| work.worth(from, to)).sum();
        assert_eq!(sum, 2_000);
        assert_eq!(work.worth(9, 9), 0);
    }
}
