//! Who lends compute. Tokens are stored as hashes: a stolen database lets nobody speak for them.

use std::sync::Arc;

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::VolunteerId;
use tabsweep_study::Timestamp;

use super::{Store, StoreError, Tx, memory::Distrusted, rows::u32_column};

/// Wrong claims after which a volunteer needs as many right ones.
const SEVERAL: u32 = 3;

/// A volunteer as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volunteer {
    /// Id.
    pub id: VolunteerId,
    /// Chosen by the volunteer, not unique.
    pub nickname: String,
    /// Claims found right.
    pub verified: u32,
    /// Claims found wrong.
    pub rejected: u32,
}

impl Volunteer {
    /// Whether this volunteer may have work: not after several wrong claims that right ones don't
    /// outweigh.
    pub fn is_trusted(&self) -> bool {
        self.rejected < SEVERAL || self.rejected <= self.verified
    }
}

impl Store {
    /// Registers a volunteer.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_volunteer(
        &self,
        nickname: &str,
        token_sha256: &str,
        now: Timestamp,
    ) -> Result<VolunteerId, StoreError> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS id FROM volunteers")
            .fetch_one(tx.sql().await?)
            .await?;
        let id = u32_column(&row, "id")?;
        sqlx::query(
            "INSERT INTO volunteers (id, nickname, token_sha256, registered_millis, seen_millis)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(i64::from(id))
        .bind(nickname)
        .bind(token_sha256)
        .bind(now.0)
        .bind(now.0)
        .execute(tx.sql().await?)
        .await?;
        tx.commit().await?;
        Ok(VolunteerId(id))
    }

    /// The volunteer with this token.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volunteer_by_token(
        &self,
        token_sha256: &str,
    ) -> Result<Option<Volunteer>, StoreError> {
        let row = sqlx::query(
            "SELECT id, nickname, verified, rejected FROM volunteers WHERE token_sha256 = $1",
        )
        .bind(token_sha256)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(volunteer_from_row).transpose()
    }

    /// A registered volunteer as of now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volunteer(&self, id: VolunteerId) -> Result<Volunteer, StoreError> {
        let row =
            sqlx::query("SELECT id, nickname, verified, rejected FROM volunteers WHERE id = $1")
                .bind(i64::from(id.0))
                .fetch_one(&self.readers)
                .await?;
        volunteer_from_row(&row)
    }

    /// Notes that the volunteer was there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volunteer_seen(&self, id: VolunteerId, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE volunteers SET seen_millis = $1 WHERE id = $2")
            .bind(now.0)
            .bind(i64::from(id.0))
            .execute(tx.sql().await?)
            .await?;
        tx.commit().await
    }
}

/// Volunteers who may have no work.
pub(super) async fn distrusted(tx: &mut Tx) -> Result<Distrusted, StoreError> {
    if let Some(known) = tx.memory().distrusted() {
        return Ok(known);
    }
    // `SEVERAL`, spelt out as in the index of these.
    let rows =
        sqlx::query("SELECT id, nickname, verified, rejected FROM volunteers WHERE rejected >= 3")
            .fetch_all(tx.sql().await?)
            .await?;
    let doubtful = rows.iter().map(volunteer_from_row);
    let doubtful: Vec<_> = doubtful.collect::<Result<_, _>>()?;
    let distrusted = doubtful.iter().filter(|volunteer| !volunteer.is_trusted());
    let distrusted: Distrusted = Arc::new(distrusted.map(|volunteer| volunteer.id).collect());
    tx.memory().keep_distrusted(&distrusted);
    Ok(distrusted)
}

/// Counts what a volunteer said as right or wrong.
pub(super) async fn count_word(
    tx: &mut Tx,
    volunteer: VolunteerId,
    is_right: bool,
) -> Result<(), StoreError> {
    tx.memory().forget_distrusted();
    let sql = match is_right {
        true => "UPDATE volunteers SET verified = verified + 1 WHERE id = $1",
        false => "UPDATE volunteers SET rejected = rejected + 1 WHERE id = $1",
    };
    sqlx::query(sql)
        .bind(i64::from(volunteer.0))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}

fn volunteer_from_row(row: &AnyRow) -> Result<Volunteer, StoreError> {
    Ok(Volunteer {
        id: VolunteerId(u32_column(row, "id")?),
        nickname: row.try_get("nickname")?,
        verified: u32_column(row, "verified")?,
        rejected: u32_column(row, "rejected")?,
    })
}
