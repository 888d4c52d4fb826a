//! `cargo xtask bench sweep`: the shipped study on real MNIST, trained by tabs of real Chromium to its
//! budget, then once more with random search and without pruning for the same time. Decides what of
//! a sweep counts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use toml::{Table as Toml, Value};

use crate::bench::machine::Machine;
use crate::bench::request::{Request, Sweep, SweepTrial, SweepWorker};
use crate::bench::runner::Runner;
use crate::bench::table::Table;
use crate::bench::{BenchError, files};
use crate::stage::{Outcome, Stages, Success};
use crate::workspace::Workspace;
use crate::{build, chromium, node};

/// Test accuracies, in percent, of which it is told when the leader first had them: the 2016
/// original's default and best, and beyond.
const MARKS_PERCENT: [f64; 3] = [99.2, 99.47, 99.6];

/// The study that a fresh server starts with.
const SHIPPED: &str = "server/studies/first.toml";

/// Which study, and with how many tabs.
#[derive(Debug, Args)]
pub struct SweepOptions {
    /// Study file, where it is not to be the shipped one
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
    /// Tabs that lend one core each
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    tabs: u32,
    /// Leaves a study as it is after this time
    #[arg(long, value_name = "SECS", default_value_t = 3_600)]
    limit_secs: u64,
    /// Leaves out random search
    #[arg(long)]
    without_random: bool,
    /// Folder with the four files of MNIST
    #[arg(long, value_name = "DIR", env = "TABSWEEP_MNIST_DIR")]
    mnist: Option<PathBuf>,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came of one sweep.
#[derive(Debug, Serialize)]
struct Swept {
    name: &'static str,
    #[serde(flatten)]
    sweep: Sweep,
    /// Seconds until the leader's test accuracy first was at least so many percent.
    marks_secs: Vec<(f64, Option<f64>)>,
}

/// Sweeps, prints what came of it and writes JSON.
///
/// # Errors
/// There is no MNIST, something can't be built, the study file can't be read, or a tab or the server
/// fails.
pub fn measure(workspace: &Workspace, options: &SweepOptions) -> Result<(), BenchError> {
    let mnist = files::absolute(options.mnist.as_deref().ok_or(BenchError::NoMnist)?)?;
    let chromium = set_up(workspace)?;
    let shipped = workspace.root().join(SHIPPED);
    let study = read_study(options.study.as_deref().unwrap_or(&shipped))?;
    let mut runner = Runner::start("the sweep", &mut command(workspace, &chromium))?;
    let machine = Machine::found(runner.versions().clone());
    let folder = workspace.bench_results().join("sweep");
    let mut sweep = |name: &'static str, study: &Toml| -> Result<Swept, BenchError> {
        let (file, state) = (folder.join(format!("{name}.toml")), folder.join(name));
        // Of an earlier run; there may be none.
        let _ = std::fs::remove_dir_all(&state);
        files::make_folder(&folder)?;
        files::write(&file, &study.to_string())?;
        eprintln!("{name}:");
        let sweep: Sweep = runner.ask(&Request::Sweep {
            study: &file,
            state: &state,
            mnist: &mnist,
            tabs: options.tabs,
            limit_secs: options.limit_secs,
        })?;
        let swept = Swept::new(name, sweep);
        println!("\n{swept}");
        Ok(swept)
    };
    let mut all = vec![sweep("study", &study)?];
    if !options.without_random {
        let random = with_random_search(study, all[0].sweep.wall_secs);
        all.push(sweep("random", &random)?);
    }
    let report = json!({ "machine": machine, "tabs": options.tabs, "sweeps": all });
    match &options.json {
        Some(path) => files::write(path, &format!("{report:#}\n")),
        None => Ok(()),
    }
}

fn set_up(workspace: &Workspace) -> Result<PathBuf, BenchError> {
    if !build::build_stages(workspace) {
        return Err(BenchError::NotSetUp);
    }
    let mut found = PathBuf::new();
    let mut stages = Stages::new(2);
    let browser = stages.run("Chromium", || {
        found = chromium::found_or_installed()?;
        Ok(Success::Done)
    });
    let runner = stages.run("runners", || {
        node::run_script(workspace, "bench", "build", &[])?;
        Ok(Success::Done)
    });
    if [browser, runner].contains(&Outcome::Failed) {
        return Err(BenchError::NotSetUp);
    }
    Ok(found)
}

fn command(workspace: &Workspace, chromium: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(workspace.bench().join("dist/sweep.js"));
    command.arg("--server").arg(workspace.server());
    command.arg("--pages").arg(workspace.pages());
    command.arg("--chromium").arg(chromium);
    command
}

fn read_study(path: &Path) -> Result<Toml, BenchError> {
    let unreadable = |reason: String| BenchError::Study {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    text.parse()
        .map_err(|error: toml::de::Error| unreadable(error.to_string()))
}

/// The same space, settings of the operator's and seed, with as many trials as fit into the time.
fn with_random_search(mut study: Toml, wall_secs: f64) -> Toml {
    study.insert("sampler".into(), Value::String("random".into()));
    study.insert("pruner".into(), Value::String("none".into()));
    study.insert("wall_secs".into(), Value::Integer(wall_secs.ceil() as i64));
    study
}

impl Swept {
    fn new(name: &'static str, sweep: Sweep) -> Self {
        let marks_secs = MARKS_PERCENT.map(|percent| (percent, reached(&sweep.trials, percent)));
        Self {
            name,
            sweep,
            marks_secs: marks_secs.to_vec(),
        }
    }
}

/// When the leader, by validation score, first had a test accuracy of at least `percent`.
fn reached(trials: &[SweepTrial], percent: f64) -> Option<f64> {
    let mut in_order: Vec<&SweepTrial> = trials.iter().collect();
    in_order.sort_by(|a, b| a.verified_secs.total_cmp(&b.verified_secs));
    let mut best = f64::NEG_INFINITY;
    in_order.into_iter().find_map(|trial| {
        let leads = trial.validation_score > best;
        best = best.max(trial.validation_score);
        (leads && trial.test_score * 100.0 >= percent).then_some(trial.verified_secs)
    })
}

impl SweepWorker {
    fn busy_percent(&self) -> f64 {
        100.0 * self.busy_secs / self.present_secs.max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sweep {
            wall_secs,
            state,
            counts,
            workers,
            trials,
        } = &self.sweep;
        let counted = counts.iter().filter(|(_, count)| **count > 0);
        let counted: Vec<String> = counted
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        writeln!(
            formatter,
            "{}: {state} after {wall_secs:.0} s, {}",
            self.name,
            counted.join(", ")
        )?;
        let headings = ["leases", "busy, s", "there, s", "busy, %"];
        let mut table = Table::new("worker", headings.map(str::to_owned));
        for worker in workers {
            let cells = [
                worker.leases.to_string(),
                format!("{:.0}", worker.busy_secs),
                format!("{:.0}", worker.present_secs),
                format!("{:.1}", worker.busy_percent()),
            ];
            table.add(&worker.name, cells);
        }
        table.fmt(formatter)?;
        if let Some(best) = trials.first() {
            let parameters = serde_json::Value::Object(best.parameters.clone());
            writeln!(
                formatter,
                "best: trial {}, {:.2} % validation, {:.2} % test, verified after {:.0} s: {parameters}",
                best.trial,
                best.validation_score * 100.0,
                best.test_score * 100.0,
                best.verified_secs,
            )?;
        }
        for (percent, secs) in &self.marks_secs {
            match secs {
                Some(secs) => writeln!(
                    formatter,
                    "{percent} % on the test images after {secs:.0} s"
                )?,
                None => writeln!(formatter, "{percent} % on the test images: not reached")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(verified_secs: f64, validation_score: f64, test_score: f64) -> SweepTrial {
        SweepTrial {
            trial: 0,
            validation_score,
            test_score,
            verified_secs,
            parameters: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_mark_is_passed_by_a_leader_and_by_nobody_else() {
        let trials = [
            trial(30.0, 0.995, 0.9961),
            trial(20.0, 0.990, 0.9970),
            trial(10.0, 0.992, 0.9921),
        ];
        assert_eq!(reached(&trials, 99.2), Some(10.0));
        // The trial after 20 s is good on the test images, but nobody would have chosen it.
        assert_eq!(reached(&trials, 99.6), Some(30.0));
        assert_eq!(reached(&trials, 99.7), None);
    }

    #[test]
    fn random_search_keeps_the_space() {
        let study = "sampler = \"tpe\"\npruner = \"asha\"\n[space]\nepochs = 3\n";
        let random = with_random_search(study.parse().unwrap(), 10.2);
        assert_eq!(random["sampler"].as_str(), Some("random"));
        assert_eq!(random["pruner"].as_str(), Some("none"));
        assert_eq!(random["wall_secs"].as_integer(), Some(11));
        assert_eq!(random["space"]["epochs"].as_integer(), Some(3));
    }
}
