//! What models say of pictures, a row for each picture of a job once it is settled.

use sqlx::{Row, any::AnyRow};
use tabsweep_protocol::{Answer, JobId, Sha256};
use tabsweep_study::Chunk;

use super::{
    Store, StoreError, Tx,
    rows::{hash_column, json_column, to_json, u32_column},
};

/// A picture with what the model says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPicture {
    /// Its place in the job.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Its bytes, where there are some.
    pub sha256: Option<Sha256>,
    /// What the model says.
    pub answer: Answer,
}

/// Which pictures of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFilter {
    /// All that have an answer.
    All,
    /// Those whose likeliest class is this one.
    Class(u32),
    /// Those that can't be read.
    Unreadable,
}

/// How often a class is the likeliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// The class; none for pictures that can't be read.
    pub class: Option<u32>,
    /// How many pictures.
    pub pictures: u32,
}

impl Store {
    /// Some of a job's pictures that have an answer, from picture `from` on, in order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn labels(
        &self,
        job: JobId,
        filter: LabelFilter,
        from: u32,
        most: u32,
    ) -> Result<Vec<LabelledPicture>, StoreError> {
        let (kind, class) = match filter {
            LabelFilter::All => (0, 0),
            LabelFilter::Class(class) => (1, i64::from(class)),
            LabelFilter::Unreadable => (2, 0),
        };
        let rows = sqlx::query(
            "SELECT labels.picture AS number, labels.answer AS answer, job_pictures.name AS name,
                 job_pictures.sha256 AS sha256
             FROM labels JOIN job_pictures ON job_pictures.job_id = labels.job_id
                                          AND job_pictures.number = labels.picture
             WHERE labels.job_id = $1 AND labels.picture >= $2
               AND ($3 = 0 OR ($3 = 1 AND labels.class = $4)
                           OR ($3 = 2 AND labels.class IS NULL))
             ORDER BY labels.picture LIMIT $5",
        )
        .bind(i64::from(job.0))
        .bind(i64::from(from))
        .bind(i64::from(kind))
        .bind(class)
        .bind(i64::from(most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(picture_from_row).collect()
    }

    /// How often each class is the likeliest in a job, in the order of classes.
    ///
    /// # Errors
    /// The database failed.
    pub async fn class_counts(&self, job: JobId) -> Result<Vec<ClassCount>, StoreError> {
        let rows = sqlx::query(
            "SELECT class, COUNT(*) AS pictures FROM labels WHERE job_id = $1
             GROUP BY class",
        )
        .bind(i64::from(job.0))
        .fetch_all(&self.readers)
        .await?;
        let count = |row: &AnyRow| {
            let class: Option<i64> = row.try_get("class")?;
            Ok(ClassCount {
                class: class.and_then(|class| u32::try_from(class).ok()),
                pictures: u32_column(row, "pictures")?,
            })
        };
        let mut counts = rows
            .iter()
            .map(count)
            .collect::<Result<Vec<_>, StoreError>>()?;
        // Databases differ in where they put those that have none.
        counts.sort_by_key(|count| (count.class.is_none(), count.class));
        Ok(counts)
    }

    /// The hashes of a chunk's pictures, in order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn chunk_pictures(
        &self,
        job: JobId,
        chunk: &Chunk,
    ) -> Result<Vec<Sha256>, StoreError> {
        let rows = sqlx::query(
            "SELECT sha256 FROM job_pictures
             WHERE job_id = $1 AND number >= $2 AND number < $3 ORDER BY number",
        )
        .bind(i64::from(job.0))
        .bind(i64::from(chunk.first))
        .bind(i64::from(chunk.first + chunk.pictures))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| hash_column(row, "sha256")).collect()
    }

    /// Whether a job has this picture.
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_picture(&self, job: JobId, sha256: &Sha256) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS pictures FROM job_pictures WHERE job_id = $1 AND sha256 = $2",
        )
        .bind(i64::from(job.0))
        .bind(sha256.as_str())
        .fetch_one(&self.readers)
        .await?;
        Ok(u32_column(&row, "pictures")? > 0)
    }
}

fn picture_from_row(row: &AnyRow) -> Result<LabelledPicture, StoreError> {
    let has_bytes = row.try_get::<Option<&str>, _>("sha256")?.is_some();
    Ok(LabelledPicture {
        number: u32_column(row, "number")?,
        name: row.try_get("name")?,
        sha256: has_bytes.then(|| hash_column(row, "sha256")).transpose()?,
        answer: json_column(row, "answer")?,
    })
}

/// Stores the answers of pictures from `first` on. A picture that has one already is an error.
pub(super) async fn insert_labels(
    tx: &mut Tx,
    job: JobId,
    first: u32,
    answers: &[Answer],
) -> Result<(), StoreError> {
    for (picture, answer) in (first..).zip(answers) {
        let class = match answer {
            Answer::Labels(labels) => labels.first().map(|label| i64::from(label.class)),
            Answer::Unreadable(_) => None,
        };
        sqlx::query("INSERT INTO labels (job_id, picture, class, answer) VALUES ($1, $2, $3, $4)")
            .bind(i64::from(job.0))
            .bind(i64::from(picture))
            .bind(class)
            .bind(to_json(answer))
            .execute(tx.sql().await?)
            .await?;
    }
    Ok(())
}

/// Forgets the answers of a chunk, which is labelled again.
pub(super) async fn delete_labels(
    tx: &mut Tx,
    job: JobId,
    chunk: &Chunk,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM labels WHERE job_id = $1 AND picture >= $2 AND picture < $3")
        .bind(i64::from(job.0))
        .bind(i64::from(chunk.first))
        .bind(i64::from(chunk.first + chunk.pictures))
        .execute(tx.sql().await?)
        .await?;
    Ok(())
}
