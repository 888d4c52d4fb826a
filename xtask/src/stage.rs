//! Tells the terminal what is going on: which stage, how long it took, how it ended, and at the
//! end a table of them all. Knows nothing of what the stages do.

use std::fmt;
use std::time::{Duration, Instant};

use console::style;

use crate::bench::python::PythonError;
use crate::chromium::ChromiumError;
use crate::firefox::FirefoxError;
use crate::node::NodeError;
use crate::pages::PagesError;
use crate::process::ProcessError;
use crate::stamp::StampError;
use crate::tracked::TrackedError;
use crate::trainers::TrainersError;
use crate::wasm::WasmError;

/// Why a stage failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum StageError {
    Process(#[from] ProcessError),
    Stamp(#[from] StampError),
    Wasm(#[from] WasmError),
    Node(#[from] NodeError),
    Pages(#[from] PagesError),
    Chromium(#[from] ChromiumError),
    Firefox(#[from] FirefoxError),
    Tracked(#[from] TrackedError),
    Python(#[from] PythonError),
    Trainers(#[from] TrainersError),
}

/// How a stage ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Success {
    /// Its work was done.
    Done,
    /// Nothing to do: inputs and outputs are those of the last time.
    Unchanged,
    /// Not done, for a reason that is no failure.
    Skipped {
        /// What is missing, as a sentence without a full stop.
        reason: String,
    },
}

/// What the table says of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, now or before.
    Passed,
    /// Left out without harm.
    Skipped,
    /// Did not get to its end.
    Failed,
    /// A stage that it builds on failed.
    NotRun,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Failed => "FAILED",
            Self::NotRun => "not run",
        })
    }
}

#[derive(Debug)]
struct Record {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs stages one after the other and remembers how they ended.
#[derive(Debug)]
pub struct Stages {
    total: usize,
    records: Vec<Record>,
}

impl Stages {
    /// No stage run yet, of `total` to come.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self {
            total,
            records: Vec::new(),
        }
    }

    /// Runs one stage, between a line that announces it and a line with its end and duration.
    pub fn run(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Success, StageError>,
    ) -> Outcome {
        self.announce(name);
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let outcome = report(name, &result, took);
        self.record(name, outcome, took)
    }

    /// Notes that a stage can't run because `missing`, which it builds on, did not pass.
    pub fn leave_out(&mut self, name: &'static str, missing: &str) -> Outcome {
        self.announce(name);
        eprintln!("  {} {missing} did not pass", style("not run:").yellow());
        self.record(name, Outcome::NotRun, Duration::ZERO)
    }

    /// Whether every stage so far passed or was left out without harm.
    #[must_use]
    pub fn all_well(&self) -> bool {
        self.records
            .iter()
            .all(|record| matches!(record.outcome, Outcome::Passed | Outcome::Skipped))
    }

    fn announce(&self, name: &str) {
        let number = self.records.len() + 1;
        let line = format!("▸ {name} ({number}/{})", self.total);
        eprintln!("{}", style(line).cyan().bold());
    }

    fn record(&mut self, name: &'static str, outcome: Outcome, took: Duration) -> Outcome {
        self.records.push(Record {
            name,
            outcome,
            took,
        });
        outcome
    }
}

/// The table of all stages: name, outcome, seconds.
impl fmt::Display for Stages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.records.iter().map(|record| record.name.len()).max();
        let width = width.unwrap_or(0).max("stage".len());
        writeln!(formatter, "{:width$}  outcome  seconds", "stage")?;
        for record in &self.records {
            let seconds = record.took.as_secs_f64();
            let Record { name, outcome, .. } = record;
            writeln!(formatter, "{name:width$}  {outcome:7}  {seconds:7.1}")?;
        }
        Ok(())
    }
}

fn report(name: &str, result: &Result<Success, StageError>, took: Duration) -> Outcome {
    let seconds = format!("{:.1} s", took.as_secs_f64());
    match result {
        Ok(Success::Done) => {
            eprintln!("  {} {seconds}", style("done in").green());
            Outcome::Passed
        }
        Ok(Success::Unchanged) => {
            eprintln!("  {} ({seconds})", style("unchanged").green());
            Outcome::Passed
        }
        Ok(Success::Skipped { reason }) => {
            eprintln!("  {} {reason}", style("SKIPPED:").yellow().bold());
            Outcome::Skipped
        }
        Err(error) => {
            let line = format!("{name} failed after {seconds}:");
            eprintln!("  {} {error}", style(line).red().bold());
            Outcome::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> StageError {
        ProcessError::TimedOut {
            line: "sleep".to_owned(),
            limit_secs: 1,
        }
        .into()
    }

    #[test]
    fn a_skipped_stage_does_no_harm() {
        let mut stages = Stages::new(2);
        stages.run("one", || Ok(Success::Unchanged));
        let reason = "nothing there".to_owned();
        stages.run("two", || Ok(Success::Skipped { reason }));
        assert!(stages.all_well());
    }

    #[test]
    fn a_failure_is_remembered_whatever_follows() {
        let mut stages = Stages::new(2);
        stages.run("one", || Err(failure()));
        stages.run("two", || Ok(Success::Done));
        assert!(!stages.all_well());
    }

    #[test]
    fn what_could_not_run_did_not_pass() {
        let mut stages = Stages::new(1);
        stages.leave_out("one", "zero");
        assert!(!stages.all_well());
    }

    #[test]
    fn the_table_is_aligned_and_in_order() {
        let mut stages = Stages::new(3);
        stages.record("fmt", Outcome::Passed, Duration::from_millis(1_240));
        stages.record("system tests", Outcome::Failed, Duration::from_secs(600));
        stages.record("web", Outcome::NotRun, Duration::ZERO);
        assert_eq!(
            stages.to_string(),
            "stage         outcome  seconds\n\
             fmt           passed       1.2\n\
             system tests  FAILED     600.0\n\
             web           not run      0.0\n"
        );
    }
}
