//! A job's labels as a file: CSV or lines of JSON. Each row says which job and which model it is from.
//! Columns and their order are documented in `docs/OPERATING.md`: programs rely on them.

use csv::{Terminator, WriterBuilder};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{JobId, Sha256};

use crate::{
    class_names::{ClassNames, NamedAnswer},
    store::{LabelledPicture, StoredJob},
};

/// How labels are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ResultFormat {
    /// A table with a row for each picture.
    #[default]
    Csv,
    /// A line of JSON for each picture.
    Jsonl,
}

impl ResultFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
        }
    }

    /// The format's name, which files end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

/// Writes a job's labels.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    format: ResultFormat,
    job: JobId,
    model_sha256: Sha256,
    top: usize,
    names: ClassNames,
}

#[derive(Serialize)]
struct Line<'a> {
    picture: &'a str,
    sha256: Option<&'a Sha256>,
    #[serde(flatten)]
    answer: &'a NamedAnswer,
    job: JobId,
    model_sha256: &'a Sha256,
}

impl Results {
    pub(crate) fn new(format: ResultFormat, job: &StoredJob, names: ClassNames) -> Self {
        Self {
            format,
            job: job.id,
            model_sha256: job.definition.model.sha256().clone(),
            top: job.definition.top as usize,
            names,
        }
    }

    /// What stands above the first row.
    pub(crate) fn head(&self) -> Vec<u8> {
        if self.format == ResultFormat::Jsonl {
            return Vec::new();
        }
        let columns = (1..=self.top)
            .flat_map(|rank| ["class", "name", "score"].map(|of| format!("{of}_{rank}")));
        let first = ["picture", "sha256", "unreadable"].map(str::to_owned);
        let last = ["job", "model_sha256"].map(str::to_owned);
        table(&[first.into_iter().chain(columns).chain(last).collect()])
    }

    /// A row for each picture.
    pub(crate) fn rows(&self, pictures: Vec<LabelledPicture>) -> Vec<u8> {
        let pictures = pictures.into_iter();
        match self.format {
            ResultFormat::Csv => table(
                &pictures
                    .map(|picture| self.row(picture))
                    .collect::<Vec<_>>(),
            ),
            ResultFormat::Jsonl => pictures.flat_map(|picture| self.line(picture)).collect(),
        }
    }

    fn row(&self, picture: LabelledPicture) -> Vec<String> {
        let sha256 = picture.sha256.map(|sha256| sha256.to_string());
        let (labels, reason) = match self.names.answer(picture.answer) {
            NamedAnswer::Labels(labels) => (labels, String::new()),
            NamedAnswer::Unreadable(reason) => (Vec::new(), reason),
        };
        let mut row = vec![picture.name, sha256.unwrap_or_default(), reason];
        let absent = self.top.saturating_sub(labels.len());
        for label in labels {
            row.extend([label.class.to_string(), label.name, label.score.to_string()]);
        }
        row.extend(vec![String::new(); 3 * absent]);
        row.extend([self.job.to_string(), self.model_sha256.to_string()]);
        row
    }

    fn line(&self, picture: LabelledPicture) -> Vec<u8> {
        let line = Line {
            picture: &picture.name,
            sha256: picture.sha256.as_ref(),
            answer: &self.names.answer(picture.answer),
            job: self.job,
            model_sha256: &self.model_sha256,
        };
        let mut bytes = serde_json::to_vec(&line).expect("labels hold nothing that JSON can't");
        bytes.push(b'\n');
        bytes
    }
}

fn table(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row)
            .expect("a table in memory takes all rows");
    }
    writer
        .into_inner()
        .expect("a table in memory can be flushed")
}
