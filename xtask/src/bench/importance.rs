//! `cargo xtask bench importance`: what decides the recorded trainings' scores, and how long it takes
//! to tell it of many trials.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use tabsweep_protocol::{Seed, TrialNumber};
use tabsweep_study::{Direction, Finished, History, RandomSampler, Sampler, importance};

use crate::bench::machine::Machine;
use crate::bench::recorded::Recorded;
use crate::bench::table::Table;
use crate::bench::{BenchError, files};
use crate::workspace::Workspace;

/// Of how many trials.
#[derive(Debug, Args)]
pub struct ImportanceOptions {
    /// Numbers of random trials
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [100, 1_000, 50_000], value_parser = clap::value_parser!(u32).range(2..))]
    trials: Vec<u32>,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Told {
    trials: u32,
    millis: f64,
    shares: Vec<(String, f64)>,
}

/// Tells importances, prints a table and writes JSON.
///
/// # Errors
/// The recorded curves can't be read, or the file can't be written.
pub fn measure(workspace: &Workspace, options: &ImportanceOptions) -> Result<(), BenchError> {
    let recorded = Recorded::lenet(workspace)?;
    let told: Vec<Told> = options
        .trials
        .iter()
        .map(|&trials| told(&recorded, trials))
        .collect();
    let headings = told.iter().map(|told| format!("{} trials", told.trials));
    let mut table = Table::new("share of the importance, %", headings);
    let names = told.last().map_or(&[][..], |told| &told.shares);
    for (name, _) in names {
        let share = |told: &Told| {
            told.shares
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, share)| *share)
        };
        let shares = told.iter().map(share);
        table.add(
            name,
            shares.map(|share| {
                share.map_or("–".to_owned(), |share| format!("{:.1}", share * 100.0))
            }),
        );
    }
    table.add(
        "time, ms",
        told.iter().map(|told| format!("{:.2}", told.millis)),
    );
    println!("{table}");
    let report = json!({ "machine": Machine::found([].into()), "importance": told });
    match &options.json {
        Some(path) => files::write(path, &format!("{report:#}\n")),
        None => Ok(()),
    }
}

fn told(recorded: &Recorded, trials: u32) -> Told {
    let space = recorded.space().expect("the grid's values are in order");
    let running = [].into();
    let history = |finished| History {
        direction: Direction::Maximize,
        finished,
        running: &running,
    };
    let trial = |number| {
        let number = TrialNumber(number);
        let parameters = RandomSampler.suggest(&space, history(&[]), Seed(1), number);
        let last = recorded.nearest(&parameters).validation.last();
        Finished {
            score: last.copied().unwrap_or_default(),
            number,
            parameters,
            stopped_at: None,
            rests: Vec::new(),
        }
    };
    let finished: Vec<Finished> = (0..trials).map(trial).collect();
    let start = Instant::now();
    let shares = importance(&space, history(&finished));
    Told {
        trials,
        millis: start.elapsed().as_secs_f64() * 1e3,
        shares,
    }
}
