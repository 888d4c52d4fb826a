//! `cargo xtask bench samplers`: how close a search comes to the best of functions for which it is
//! known, and how long a suggestion takes, beside Optuna. Decides who is compared, over which seeds,
//! and what counts: the median over seeds of what separates the best trial from the least value.

mod function;
mod peer;
mod search;
mod speed;

use std::path::PathBuf;

use clap::Args;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tabsweep_study::SamplerKind;

pub use self::peer::SamplerError;
use self::{
    function::{Function, functions},
    peer::Optuna,
    search::Search,
};
use crate::bench::machine::Machine;
use crate::bench::recorded::Recorded;
use crate::bench::table::Table;
use crate::bench::{BenchError, files};
use crate::workspace::Workspace;

/// Those that take real numbers as they are; a grid has a resolution, not a regret.
const SAMPLERS: [(SamplerKind, &str); 3] = [
    (SamplerKind::Random, "random"),
    (SamplerKind::Sobol, "sobol"),
    (SamplerKind::Tpe, "tpe"),
];

/// How often, how long, with how many workers.
#[derive(Debug, Args)]
pub struct SamplerOptions {
    /// Seeds per search
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u64,
    /// Trials per search
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// Numbers of trials under way at the same time
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 8], value_parser = clap::value_parser!(u32).range(1..))]
    workers: Vec<u32>,
    /// Finished trials when a suggestion is timed
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    many: u32,
    /// Measures without Optuna beside
    #[arg(long)]
    alone: bool,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What searches came to.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Outcome {
    function: String,
    sampler: String,
    workers: u32,
    /// By seed, in order of size.
    regrets: Vec<f64>,
}

/// Searches, prints tables and writes JSON.
///
/// # Errors
/// The recorded table can't be read, Optuna can't be had or computes other functions, or the file can't
/// be written.
pub fn measure(workspace: &Workspace, options: &SamplerOptions) -> Result<(), BenchError> {
    let recorded = Recorded::lenet(workspace)?;
    let functions = functions(&recorded);
    let optuna = match options.alone {
        true => None,
        false => Some(Optuna::measured(workspace, options, &functions)?),
    };
    let mut outcomes = Vec::new();
    for &workers in &options.workers {
        let ours = searched(&functions, workers, options);
        println!("\n{}", table(&functions, workers, &ours, optuna.as_ref()));
        outcomes.extend(ours);
    }
    let speeds = speed::measured(options.many);
    println!("\n{}", speed::table(options.many, &speeds, optuna.as_ref()));
    let report = json!({
        "machine": Machine::found([].into()),
        "trials": options.trials,
        "first_seed": options.first_seed,
        "searches": outcomes,
        "suggestion_millis": speeds,
        "optuna": optuna,
    });
    match &options.json {
        Some(path) => files::write(path, &format!("{report:#}\n")),
        None => Ok(()),
    }
}

fn searched(functions: &[Function<'_>], workers: u32, options: &SamplerOptions) -> Vec<Outcome> {
    let each = functions
        .iter()
        .flat_map(|function| SAMPLERS.map(|sampler| (function, sampler)));
    each.map(|(function, (sampler, name))| {
        let search = Search {
            sampler,
            workers,
            trials: options.trials,
        };
        let seeds = (options.first_seed..options.first_seed + options.seeds).into_par_iter();
        let mut regrets: Vec<f64> = seeds.map(|seed| search.regret(function, seed)).collect();
        regrets.sort_by(f64::total_cmp);
        Outcome {
            function: function.name.to_owned(),
            sampler: name.to_owned(),
            workers,
            regrets,
        }
    })
    .collect()
}

fn table(
    functions: &[Function<'_>],
    workers: u32,
    ours: &[Outcome],
    optuna: Option<&Optuna>,
) -> Table {
    let headings = functions.iter().map(|function| function.name.to_owned());
    let mut table = Table::new(&format!("median regret, {workers} at a time"), headings);
    let median = |outcomes: &[Outcome], sampler: &str, function: &Function<'_>| {
        let found = outcomes.iter().find(|outcome| {
            outcome.sampler == sampler
                && outcome.function == function.name
                && outcome.workers == workers
        });
        found.map(|outcome| outcome.median())
    };
    let cell =
        |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| format!("{figure:.4}"));
    for (_, sampler) in SAMPLERS {
        table.add(
            sampler,
            functions.iter().map(|f| cell(median(ours, sampler, f))),
        );
    }
    let Some(optuna) = optuna else { return table };
    for sampler in optuna.samplers() {
        let medians = functions
            .iter()
            .map(|f| cell(median(&optuna.searches, sampler, f)));
        table.add(&format!("Optuna, {sampler}"), medians);
    }
    let ratios = functions.iter().map(|function| {
        let ours = median(ours, "tpe", function);
        let ratio = ours.zip(median(&optuna.searches, "tpe", function));
        ratio.map_or("–".to_owned(), ratio_cell)
    });
    table.add("ours / Optuna's tpe", ratios);
    table
}

/// Both may have found the best.
fn ratio_cell((ours, theirs): (f64, f64)) -> String {
    match ours == theirs {
        true => "level".to_owned(),
        false => format!("{:.2}", ours / theirs),
    }
}

impl Outcome {
    /// Of an even number, the mean of the two in the middle.
    fn median(&self) -> f64 {
        let last = self.regrets.len() - 1;
        f64::midpoint(self.regrets[last / 2], self.regrets[last.div_ceil(2)])
    }
}
