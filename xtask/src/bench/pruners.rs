//! `cargo xtask bench pruners`: how much training it takes, with each pruner, to reach the score that
//! 256 random settings reach. Trains nothing: curves are looked up in a recorded table. Decides who
//! is compared, over which seeds, and what counts: epochs of all trials, whatever became of them.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tabsweep_protocol::Seed;
use tabsweep_study::{Budget, Objective, Pruner, SamplerKind, Space, Study};

use crate::bench::machine::Machine;
use crate::bench::recorded::Recorded;
use crate::bench::simulation::Simulation;
use crate::bench::table::Table;
use crate::bench::{BenchError, files};
use crate::workspace::Workspace;

/// How many random settings set the mark.
const RANDOM_SETTINGS: f64 = 256.0;
/// Whole trainings after which a search is given up: as many as random search was given.
const LIMIT: f64 = 256.0;

/// Trials of a study that is large.
const MANY: u32 = 50_000;

/// How often, and with how many workers.
#[derive(Debug, Args)]
pub struct PrunerOptions {
    /// Seeds per search
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u64,
    /// Numbers of workers that train at the same time
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 10], value_parser = clap::value_parser!(u32).range(1..))]
    workers: Vec<u32>,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A sampler with a pruner.
#[derive(Clone, Debug, Serialize)]
struct Search {
    sampler: SamplerKind,
    pruner: Pruner,
}

/// What a pruner takes of the server's time.
#[derive(Clone, Debug, Serialize)]
struct Speed {
    #[serde(flatten)]
    search: Search,
    trials: u32,
    /// Suggestion, promotion, reports and the look-up in the table.
    micros_per_trial: f64,
}

/// What a search took.
#[derive(Clone, Debug, Serialize)]
struct Outcome {
    #[serde(flatten)]
    search: Search,
    workers: u32,
    /// Whole trainings' worth of epochs until the mark was reached, for each seed in order of size;
    /// the limit where it was not.
    full_trainings: Vec<f64>,
}

/// Searches, prints a table and writes JSON.
///
/// # Errors
/// The recorded curves can't be read, or the file can't be written.
pub fn measure(workspace: &Workspace, options: &PrunerOptions) -> Result<(), BenchError> {
    let recorded = Recorded::lenet(workspace)?;
    let space = recorded.space().expect("the grid's values are in order");
    let bench = Bench { recorded, space };
    let seeds = options.first_seed..options.first_seed + options.seeds;
    let mark = bench.mark(seeds.clone());
    println!(
        "{RANDOM_SETTINGS} random settings reach {:.2} % (median of {} seeds); whole trainings to reach it:",
        mark * 100.0,
        options.seeds
    );
    let mut outcomes = Vec::new();
    for &workers in &options.workers {
        let mut table = Table::new(
            &format!("{workers} at a time"),
            ["median", "quartiles", "range", "not reached"].map(str::to_owned),
        );
        for search in searches() {
            let outcome = bench.search(&search, workers, mark, seeds.clone());
            table.add(&search.name(), outcome.cells());
            outcomes.push(outcome);
        }
        println!("\n{table}");
    }
    let speeds: Vec<Speed> = pruners()
        .into_iter()
        .map(|pruner| bench.speed(pruner))
        .collect();
    let mut table = Table::new(&format!("{MANY} trials"), ["µs per trial".to_owned()]);
    for speed in &speeds {
        let micros = format!("{:.1}", speed.micros_per_trial);
        table.add(&speed.search.name(), [micros]);
    }
    println!("\n{table}");
    let report = json!({
        "machine": Machine::found([].into()),
        "first_seed": options.first_seed,
        "mark_percent": mark * 100.0,
        "random_settings": RANDOM_SETTINGS,
        "searches": outcomes,
        "speeds": speeds,
    });
    match &options.json {
        Some(path) => files::write(path, &format!("{report:#}\n")),
        None => Ok(()),
    }
}

fn pruners() -> [Pruner; 8] {
    let pruner = |value: Value| serde_json::from_value(value).expect("a pruner of a study file");
    let asha = |min_epochs: u32, reduction_factor: u32| {
        pruner(json!({
            "type": "asha", "min_epochs": min_epochs, "reduction_factor": reduction_factor
        }))
    };
    [
        Pruner::None,
        pruner(json!({ "type": "median" })),
        asha(1, 2),
        asha(1, 3),
        asha(1, 4),
        asha(2, 2),
        asha(2, 3),
        pruner(json!({ "type": "hyperband", "max_epochs": 9 })),
    ]
}

fn searches() -> Vec<Search> {
    let samplers = [SamplerKind::Random, SamplerKind::Tpe];
    let with_all = |sampler| pruners().map(|pruner| Search { sampler, pruner });
    samplers.into_iter().flat_map(with_all).collect()
}

impl Search {
    fn name(&self) -> String {
        let sampler = plain(&json!(self.sampler));
        match json!(self.pruner) {
            Value::Object(mut pruner) => {
                let name = pruner.remove("type").map(|name| plain(&name));
                let options = pruner
                    .iter()
                    .map(|(name, value)| format!(" {name} {value}"));
                let options: String = options.collect();
                format!("{sampler}, {}{options}", name.unwrap_or_default())
            }
            _ => sampler,
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// What searches have in common.
struct Bench {
    recorded: Recorded,
    space: Space,
}

impl Bench {
    fn study(&self, search: &Search, seed: u64) -> Study {
        Study {
            name: "recorded".to_owned(),
            dataset: "mnist".to_owned(),
            objective: Objective::ValidationAccuracy,
            budget: Budget {
                trials: u32::MAX,
                wall_secs: None,
                target_score: None,
            },
            weight: 1.0,
            seed: Seed(seed),
            sampler: search.sampler,
            pruner: search.pruner,
            enqueued: Vec::new(),
            own: [].into(),
            space: self.space.clone(),
        }
    }

    fn run(
        &self,
        study: &Study,
        workers: u32,
        is_done: impl Fn(&Simulation) -> bool,
    ) -> (f64, f64) {
        let mut simulation = Simulation::new(&self.recorded, study);
        simulation.run(workers, is_done);
        (simulation.full_trainings(), simulation.best())
    }

    /// What random search reaches without pruning. Its seeds are not those of the searches.
    fn mark(&self, seeds: Range<u64>) -> f64 {
        let search = Search {
            sampler: SamplerKind::Random,
            pruner: Pruner::None,
        };
        let best = seeds.map(|seed| {
            let study = self.study(&search, u64::MAX - seed);
            let is_done = |simulation: &Simulation| simulation.full_trainings() >= RANDOM_SETTINGS;
            self.run(&study, 1, is_done).1
        });
        quantile(&sorted(best), 0.5)
    }

    fn speed(&self, pruner: Pruner) -> Speed {
        let search = Search {
            sampler: SamplerKind::Random,
            pruner,
        };
        let start = Instant::now();
        let is_done = |simulation: &Simulation| simulation.suggested() >= MANY;
        self.run(&self.study(&search, 1), 10, is_done);
        Speed {
            search,
            trials: MANY,
            micros_per_trial: start.elapsed().as_secs_f64() * 1e6 / f64::from(MANY),
        }
    }

    fn search(&self, search: &Search, workers: u32, mark: f64, seeds: Range<u64>) -> Outcome {
        let taken = seeds.map(|seed| {
            let study = self.study(search, seed);
            let is_done = |simulation: &Simulation| {
                simulation.best() >= mark || simulation.full_trainings() >= LIMIT
            };
            self.run(&study, workers, is_done).0
        });
        Outcome {
            search: search.clone(),
            workers,
            full_trainings: sorted(taken),
        }
    }
}

impl Outcome {
    fn cells(&self) -> [String; 4] {
        let all = &self.full_trainings;
        let at = |share| format!("{:.1}", quantile(all, share));
        [
            at(0.5),
            format!("{}–{}", at(0.25), at(0.75)),
            format!("{}–{}", at(0.0), at(1.0)),
            all.iter()
                .filter(|taken| **taken >= LIMIT)
                .count()
                .to_string(),
        ]
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The figure at `share` of the way from the least to the greatest; of an even number's middle, the
/// lower.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
