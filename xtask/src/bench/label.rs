//! `cargo xtask bench label`: images per second of finished models, by one worker and by several at
//! once, beside others in the same browser. Decides the order; does not know how anybody computes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::bench::BenchError;
use crate::bench::candidate::Candidate;
use crate::bench::case::Case;
use crate::bench::figures::{Rounds, Summary};
use crate::bench::files;
use crate::bench::machine::Machine;
use crate::bench::request::{Form, Measurement, Request, Work};
use crate::bench::runner::{Runner, RunnerError};
use crate::bench::setup::{Setup, Wanted};
use crate::bench::table::{Table, count};
use crate::workspace::Workspace;

/// Browsers compile a module again, and better, while it runs.
const WARM_UP_SECS: f64 = 3.0;
/// Digits in a batch.
const BATCH: usize = 64;

/// What to measure, and for how long.
#[derive(Debug, Args)]
pub struct LabelOptions {
    /// Measures only there
    #[arg(long = "in", value_enum, value_name = "WHERE", value_delimiter = ',', default_values_t = [Candidate::Chromium, Candidate::Native])]
    places: Vec<Candidate>,
    /// Measures TensorFlow.js and ONNX Runtime Web too, in the same rounds
    #[arg(long)]
    peers: bool,
    /// How many workers label at once
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2])]
    workers: Vec<usize>,
    /// How often everything is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement takes
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Folder with the four files of MNIST; without it, synthetic digits are drawn
    #[arg(long, value_name = "DIR", env = "TABSWEEP_MNIST_DIR")]
    mnist: Option<PathBuf>,
    /// Folder with a MobileNet's weights, its labels and photos; without it, only digits are labelled
    #[arg(long, value_name = "DIR", env = "TABSWEEP_IMAGENET_DIR")]
    imagenet: Option<PathBuf>,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Task {
    /// Digits, by a plain LeNet-16-32-128, in batches of 64
    Digits,
    /// Inputs of MobileNet v1, one at a time
    Inputs,
    /// Photos by the same, decoded and resized
    Photos,
}

/// One thing that is measured in every round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    task: Task,
    workers: usize,
    candidate: Candidate,
}

type Runners = BTreeMap<Candidate, Vec<Runner>>;
type Speeds = BTreeMap<Slot, Rounds>;

impl LabelOptions {
    fn candidates(&self) -> Vec<Candidate> {
        let peers = Candidate::LABELLING_PEERS.into_iter();
        let peers = peers.filter(|_| self.peers);
        let mut candidates: Vec<_> = self.places.iter().copied().chain(peers).collect();
        candidates.sort();
        candidates.dedup();
        candidates
    }

    /// In the order of a round: those that are compared follow each other.
    fn slots(&self) -> Vec<Slot> {
        let tasks: &[Task] = match self.imagenet {
            Some(_) => &[Task::Digits, Task::Inputs, Task::Photos],
            None => &[Task::Digits],
        };
        let mut slots = Vec::new();
        for &task in tasks {
            for &workers in &self.workers {
                for candidate in self.candidates() {
                    // Peers don't decode: what their page would do it with is the browser's.
                    if candidate.is_product() || task != Task::Photos {
                        slots.push(Slot {
                            task,
                            workers,
                            candidate,
                        });
                    }
                }
            }
        }
        slots
    }
}

/// Measures, prints a table and writes JSON.
///
/// # Errors
/// Something can't be built, a runner fails, or the file can't be written.
pub fn measure(workspace: &Workspace, options: &LabelOptions) -> Result<(), BenchError> {
    let absolute = |folder: &Option<PathBuf>| folder.as_deref().map(files::absolute).transpose();
    let (mnist, imagenet) = (absolute(&options.mnist)?, absolute(&options.imagenet)?);
    let candidates = options.candidates();
    let wanted = Wanted {
        candidates: &candidates,
        mnist: mnist.as_deref(),
        imagenet: imagenet.as_deref(),
    };
    let setup = Setup::made(workspace, &wanted)?;
    let mut runners = started(&setup, options)?;
    let machine = Machine::found(versions(&runners));
    let speeds = measured(&mut runners, options)?;
    println!("{}", table(options, &speeds));
    match &options.json {
        Some(path) => files::write(path, &json_of(&machine, options, &speeds)),
        None => Ok(()),
    }
}

/// As many runners of each candidate as workers at most: each a process of its own.
fn started(setup: &Setup, options: &LabelOptions) -> Result<Runners, RunnerError> {
    let most = options.workers.iter().copied().max().unwrap_or(1);
    let start = |candidate: Candidate| {
        let runners = (0..most).map(|_| setup.runner(candidate));
        Ok((candidate, runners.collect::<Result<_, RunnerError>>()?))
    };
    options.candidates().into_iter().map(start).collect()
}

fn versions(runners: &Runners) -> BTreeMap<String, String> {
    let told = runners.values().flatten().flat_map(Runner::versions);
    told.map(|(name, version)| (name.clone(), version.clone()))
        .collect()
}

fn measured(runners: &mut Runners, options: &LabelOptions) -> Result<Speeds, RunnerError> {
    let slots = options.slots();
    eprintln!("  warming up");
    for slot in &slots {
        measured_once(runners, slot, WARM_UP_SECS.max(options.seconds))?;
    }
    let mut speeds = Speeds::new();
    for round in 1..=options.rounds {
        eprintln!("  round {round}");
        for slot in &slots {
            let speed = measured_once(runners, slot, options.seconds)?;
            speeds.entry(*slot).or_default().push(speed);
        }
    }
    Ok(speeds)
}

/// Images per second of all the slot's workers together.
fn measured_once(runners: &mut Runners, slot: &Slot, seconds: f64) -> Result<f64, RunnerError> {
    let runners = runners
        .get_mut(&slot.candidate)
        .expect("every candidate of a slot was started");
    thread::scope(|scope| {
        let ask = |runner| scope.spawn(move || asked(runner, slot.task, seconds));
        let asked: Vec<_> = runners.iter_mut().take(slot.workers).map(ask).collect();
        let speeds = asked
            .into_iter()
            .map(|asked| asked.join().expect("asking does not panic"));
        speeds.sum()
    })
}

fn asked(runner: &mut Runner, task: Task, seconds: f64) -> Result<f64, RunnerError> {
    let form = match task {
        Task::Digits => None,
        Task::Inputs => Some(Form::Input),
        Task::Photos => Some(Form::Photo),
    };
    let measurement: Measurement = match form {
        Some(from) => runner.ask(&Request::Label { from, seconds })?,
        None => runner.ask(&Request::Measure {
            work: Work::Forward,
            setting: &Case::A.setting(BATCH),
            seconds,
        })?,
    };
    Ok(measurement.speed())
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Digits => "LeNet",
            Self::Inputs => "MobileNet",
            Self::Photos => "decoded too",
        })
    }
}

fn table(options: &LabelOptions, speeds: &Speeds) -> Table {
    let mut columns: Vec<(Task, usize)> = speeds
        .keys()
        .map(|slot| (slot.task, slot.workers))
        .collect();
    columns.dedup();
    let headings = columns
        .iter()
        .map(|(task, workers)| format!("{task}, {workers}"));
    let mut table = Table::new("images/s, workers", headings);
    for candidate in options.candidates() {
        let cell = |&(task, workers): &(Task, usize)| {
            let slot = Slot {
                task,
                workers,
                candidate,
            };
            let summary = speeds.get(&slot).and_then(Rounds::summary);
            summary.map_or_else(|| "–".to_owned(), |summary| shown(&summary))
        };
        table.add(&candidate.to_string(), columns.iter().map(cell));
    }
    table
}

fn shown(summary: &Summary) -> String {
    let Summary {
        median, min, max, ..
    } = summary;
    format!("{} ({}–{})", count(*median), count(*min), count(*max))
}

/// All figures, ratios of the product in Chromium to its peers at the top.
fn json_of(machine: &Machine, options: &LabelOptions, speeds: &Speeds) -> String {
    let mut all = serde_json::Map::new();
    for (slot, rounds) in speeds {
        let peer = Slot {
            candidate: Candidate::Chromium,
            ..*slot
        };
        let Some(product) = speeds.get(&peer) else {
            continue;
        };
        if Candidate::LABELLING_PEERS.contains(&slot.candidate) {
            let ratio = product.ratio_to(rounds).summary();
            let name = format!(
                "ratio_{}_wasm_vs_{}_{}_workers",
                json_name(&slot.task),
                json_name(&slot.candidate),
                slot.workers
            );
            all.insert(name, json!(ratio.map(|ratio| ratio.median)));
        }
    }
    let speed = |(slot, rounds): (&Slot, &Rounds)| {
        json!({
            "task": slot.task,
            "workers": slot.workers,
            "candidate": slot.candidate,
            "images_per_sec": rounds.summary(),
        })
    };
    let rest = [
        ("machine", json!(machine)),
        ("rounds", json!(options.rounds)),
        ("seconds_per_round", json!(options.seconds)),
        ("speeds", speeds.iter().map(speed).collect()),
    ];
    all.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    format!("{:#}\n", serde_json::Value::Object(all))
}

/// As it is named in JSON.
fn json_name(value: &impl Serialize) -> String {
    let name = json!(value);
    name.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        options: LabelOptions,
    }

    fn slots(arguments: &[&str]) -> Vec<Slot> {
        let arguments = [&["label"], arguments].concat();
        Arguments::try_parse_from(arguments)
            .unwrap()
            .options
            .slots()
    }

    #[test]
    fn peers_get_inputs_and_no_files() {
        let all = slots(&["--peers", "--imagenet", "photos"]);
        let of = |candidate| all.iter().filter(move |slot| slot.candidate == candidate);
        assert_eq!(of(Candidate::Chromium).count(), 6);
        assert_eq!(of(Candidate::Ort).count(), 4);
        assert!(of(Candidate::Tfjs).all(|slot| slot.task != Task::Photos));
    }
}
