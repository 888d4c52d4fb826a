//! Writes a study's trials one after the other, so that any number of them can be sent while they are
//! read.

use tabsweep_protocol::StudyId;
use tabsweep_study::{Study, StudyState};

use crate::record::TrialRecord;
use crate::{csv_table, json_lines, optuna_journal};

/// A study whose trials are exported.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedStudy {
    /// Its id.
    pub id: StudyId,
    /// What the operator defined.
    pub study: Study,
    /// Where it stands.
    pub state: StudyState,
    /// Name of its data set. The definition's own may be a path on the operator's disk.
    pub dataset: String,
}

/// The forms that trials are exported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialFormat {
    /// A table, one trial a row (RFC 4180).
    Csv,
    /// One JSON object a line, with each epoch.
    JsonLines,
    /// The log of Optuna's `JournalStorage`.
    OptunaJournal,
}

/// Writes trials in one form.
#[derive(Clone, Debug)]
pub struct TrialWriter {
    study: ExportedStudy,
    format: TrialFormat,
}

impl TrialWriter {
    /// Writes trials of a study.
    #[must_use]
    pub fn new(study: ExportedStudy, format: TrialFormat) -> Self {
        Self { study, format }
    }

    /// The study.
    #[must_use]
    pub fn study(&self) -> &ExportedStudy {
        &self.study
    }

    /// What stands before the first trial.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        match self.format {
            TrialFormat::Csv => csv_table::head(&self.study.study.space),
            TrialFormat::JsonLines => Vec::new(),
            TrialFormat::OptunaJournal => optuna_journal::head(&self.study),
        }
    }

    /// One trial. Optuna counts trials by their place, so they come in order of their numbers.
    #[must_use]
    pub fn trial(&self, record: &TrialRecord) -> Vec<u8> {
        match self.format {
            TrialFormat::Csv => csv_table::row(&self.study.study.space, record),
            TrialFormat::JsonLines => json_lines::line(record),
            TrialFormat::OptunaJournal => optuna_journal::trial(&self.study, record),
        }
    }
}
