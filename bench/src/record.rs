//! Records learning curves: trains every setting of a grid and writes a table of how many images were
//! classified rightly after each epoch. Decides what a row holds, and that a table which was broken
//! off is gone on with. The same grid gives the same table, to the byte.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tabsweep_trainer::{Hyperparameters, ImageSet, Model, TrainingData, TrainingError};

use crate::data::{self, DataError};
use crate::grid::Grid;
use crate::product::ProductError;
use crate::session::Session;

/// Why curves could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The grid's file is none.
    #[error("{}: {source}", path.display())]
    Grid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: toml::de::Error,
    },
    /// The table is of another grid.
    #[error("{} begins with `{found}`, expected `{expected}`", path.display())]
    OtherTable {
        /// The table.
        path: PathBuf,
        /// Its first line.
        found: String,
        /// The grid's.
        expected: String,
    },
    /// A row does not come out as it was recorded.
    #[error("recorded was `{recorded}`, trained now `{trained}`")]
    Differs {
        /// The table's line.
        recorded: String,
        /// What it should have been.
        trained: String,
    },
    /// There are no images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A setting can't be trained.
    #[error(transparent)]
    Training(#[from] ProductError),
}

/// What is recorded, from what, to where.
#[derive(Debug, clap::Args)]
pub struct Record {
    /// Folder with MNIST's four files, packed or not
    #[arg(long, value_name = "DIR")]
    mnist: PathBuf,
    /// File that says what is varied
    #[arg(long, value_name = "FILE")]
    grid: PathBuf,
    /// The table; rows that it has are left as they are
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// Records nothing, but trains this many of the table's rows again and compares
    #[arg(long, value_name = "N")]
    check: Option<usize>,
}

/// A grid and the images it is trained on.
struct Recorder {
    grid: Grid,
    data: TrainingData,
    test: ImageSet,
}

/// Records what the table lacks, or checks what it has.
///
/// # Errors
/// Something can't be read, written or trained, or a row that is checked differs.
pub fn record(options: &Record) -> Result<(), RecordError> {
    let text = fs::read_to_string(&options.grid).map_err(|error| at(&options.grid, error))?;
    let grid: Grid = toml::from_str(&text).map_err(|source| RecordError::Grid {
        path: options.grid.clone(),
        source,
    })?;
    let (data, test) =
        data::read_subset(&options.mnist, grid.training_images, grid.validation_images)?;
    let recorder = Recorder { grid, data, test };
    let lines = opened(&options.table, &recorder.grid)?;
    match options.check {
        Some(count) => recorder.check(&lines, count),
        None => recorder.complete(&options.table, &lines),
    }
}

impl Recorder {
    fn complete(&self, table: &Path, lines: &[String]) -> Result<(), RecordError> {
        let write = |error| at(table, error);
        let mut file = OpenOptions::new().append(true).open(table).map_err(write)?;
        let done: BTreeSet<String> = lines.iter().map(|line| self.key(line)).collect();
        let rows = self.grid.rows();
        for (index, row) in rows.iter().enumerate() {
            if done.contains(&cells(row)) {
                continue;
            }
            let line = self.line(row)?;
            writeln!(file, "{line}").map_err(write)?;
            eprintln!("{} of {}: {line}", index + 1, rows.len());
        }
        Ok(())
    }

    fn check(&self, lines: &[String], count: usize) -> Result<(), RecordError> {
        let every = (lines.len() / count.max(1)).max(1);
        // Each a little further into its part: rows a part's length apart have most values in common.
        let chosen = (0..count).filter_map(|index| lines.get(index * every + index * 7 % every));
        for recorded in chosen {
            let key = self.key(recorded);
            let rows = self.grid.rows();
            let row = rows.iter().find(|row| cells(row) == key);
            let trained = row.map_or_else(|| Ok("nothing".to_owned()), |row| self.line(row))?;
            if trained != *recorded {
                let recorded = recorded.clone();
                return Err(RecordError::Differs { recorded, trained });
            }
            eprintln!("as recorded: {recorded}");
        }
        Ok(())
    }

    /// The part of a line that says which setting it is of.
    fn key(&self, line: &str) -> String {
        let cells: Vec<&str> = line.split(',').take(self.grid.grid.len()).collect();
        cells.join(",")
    }

    fn line(&self, row: &[Value]) -> Result<String, ProductError> {
        let setting = self.grid.setting(row)?;
        let mut correct = self.curve(&setting)?;
        // Of a diverged training nothing is known but the epochs before.
        correct.resize(setting.epochs + 1, None);
        let figures = correct
            .iter()
            .map(|count| count.map_or_else(String::new, |count| count.to_string()));
        let figures: Vec<String> = figures.collect();
        Ok(format!("{},{}", cells(row), figures.join(",")))
    }

    /// Validation images classified rightly after each epoch, then test images.
    fn curve(&self, setting: &Hyperparameters) -> Result<Vec<Option<usize>>, ProductError> {
        let mut session = Session::new(setting.clone(), self.grid.seed, self.data.clone())?;
        let mut correct = Vec::new();
        loop {
            match session.train_in_epoch(u32::MAX) {
                Ok(0) => break,
                Ok(_) => correct.push(session.score()?),
                Err(TrainingError::Diverged { .. }) => return Ok(correct),
                Err(error) => return Err(error.into()),
            }
        }
        let data = &self.data;
        let (classes, height, width) = (data.classes(), data.height(), data.width());
        let model = Model::load(setting, classes, height, width, &session.weights())?;
        correct.push(Some(
            model.count_correct(self.test.pixels(), self.test.labels())?,
        ));
        Ok(correct)
    }
}

/// The table's lines without its heading. Makes the table where there is none, and takes back a line
/// whose writing was broken off.
fn opened(path: &Path, grid: &Grid) -> Result<Vec<String>, RecordError> {
    let expected = heading(grid);
    if !path.exists() {
        fs::write(path, format!("{expected}\n")).map_err(|error| at(path, error))?;
    }
    let text = fs::read_to_string(path).map_err(|error| at(path, error))?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        let file = OpenOptions::new().write(true).open(path);
        file.and_then(|file: File| file.set_len(whole as u64))
            .map_err(|error| at(path, error))?;
    }
    let mut lines = text[..whole].lines().map(str::to_owned);
    let found = lines.next().unwrap_or_default();
    if found == expected {
        return Ok(lines.collect());
    }
    Err(RecordError::OtherTable {
        path: path.to_owned(),
        found,
        expected,
    })
}

fn heading(grid: &Grid) -> String {
    let epochs = grid.fixed.get("epochs").and_then(Value::as_u64);
    let names = grid.grid.keys().cloned();
    let epochs = (1..=epochs.unwrap_or_default()).map(|epoch| format!("validation_{epoch}"));
    let test = std::iter::once("test".to_owned());
    names
        .chain(epochs)
        .chain(test)
        .collect::<Vec<_>>()
        .join(",")
}

fn cells(row: &[Value]) -> String {
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    row.iter().map(cell).collect::<Vec<_>>().join(",")
}

fn at(path: &Path, source: io::Error) -> RecordError {
    RecordError::File {
        path: path.to_owned(),
        source,
    }
}
