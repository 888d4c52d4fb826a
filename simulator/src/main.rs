//! The `tabsweep-simulate` program: one load against running servers, in a process of its own so
//! that its memory and processor time are apart from the servers'. Prints a report as JSON.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use serde::Serialize;
use serde_json::Value;
use tabsweep_simulator::{HttpError, Load, Report, Simulation, TrialSecs};
use tokio::time::{Instant, sleep};

/// Simulates volunteers against running servers.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Address of a server; may be given several times.
    #[arg(long, value_name = "URL", required = true)]
    server: Vec<String>,
    /// Workers, each with a socket.
    #[arg(long, value_name = "N")]
    workers: usize,
    /// Volunteers whom the workers belong to.
    #[arg(long, value_name = "N", default_value_t = 4)]
    volunteers: usize,
    /// How many workers connect per second.
    #[arg(long, value_name = "N", default_value_t = 1000.0)]
    arrivals_per_sec: f64,
    /// Shortest trial in seconds; without it, trials never end.
    #[arg(long, value_name = "SECS", requires = "longest_secs")]
    shortest_secs: Option<f64>,
    /// Longest trial in seconds.
    #[arg(long, value_name = "SECS", requires = "shortest_secs")]
    longest_secs: Option<f64>,
    /// Leaves out the report of the trial's epoch.
    #[arg(long)]
    without_epochs: bool,
    /// What is seen from the last worker's first lease to here is not measured.
    #[arg(long, value_name = "SECS", default_value_t = 1.0)]
    warmup_secs: f64,
    /// How long is measured.
    #[arg(long, value_name = "SECS", default_value_t = 10.0)]
    secs: f64,
    /// Counts what is seen while the workers arrive, too.
    #[arg(long)]
    arrivals_count: bool,
    /// How long the workers may take to get their first lease.
    #[arg(long, value_name = "SECS", default_value_t = 120.0)]
    patience_secs: f64,
    /// Where the lengths of the trials come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Observed {
    #[serde(flatten)]
    report: Report,
    /// Workers of whose progress the server's API knows at the end.
    heard_of: usize,
    /// Trials that the server has verified per second.
    verified_per_sec: f64,
    /// Processor time of this process while it was measured, where the system tells.
    cpu_secs: Option<f64>,
}

// One thread: the other core is the server's.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    raise_file_limit();
    match run(Cli::parse()).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<String, Box<dyn std::error::Error>> {
    let trial = match (cli.shortest_secs, cli.longest_secs) {
        (Some(low), Some(high)) => TrialSecs::Between(low, high),
        _ => TrialSecs::Endless,
    };
    let load = Load {
        servers: cli.server,
        workers: cli.workers,
        volunteers: cli.volunteers,
        arrivals_per_sec: cli.arrivals_per_sec,
        trial,
        epochs: !cli.without_epochs,
        seed: cli.seed,
    };
    let simulation = Simulation::start(load).await?;
    let figures = simulation.figures();
    let last = Instant::now() + Duration::from_secs_f64(cli.patience_secs);
    while figures.leased() < cli.workers {
        if Instant::now() > last {
            let leased = figures.leased();
            return Err(format!("only {leased} of {} workers got a lease", cli.workers).into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs_f64(cli.warmup_secs)).await;
    if !cli.arrivals_count {
        figures.start_over();
    }
    let (verified, cpu) = (verified(&simulation).await?, cpu_secs());
    sleep(Duration::from_secs_f64(cli.secs)).await;
    let report = figures.report();
    let cpu_secs = cpu_secs().zip(cpu).map(|(after, before)| after - before);
    let study = simulation.ask(STUDY).await?;
    let observed = Observed {
        heard_of: heard_of(&study),
        verified_per_sec: (count_verified(&study) - verified) / cli.secs,
        cpu_secs,
        report,
    };
    Ok(serde_json::to_string(&observed)?)
}

/// A load is on the first study of a fresh server.
const STUDY: &str = "/api/studies/1";

async fn verified(simulation: &Simulation) -> Result<f64, HttpError> {
    Ok(count_verified(&simulation.ask(STUDY).await?))
}

fn count_verified(study: &Value) -> f64 {
    study["counts"]["verified"].as_f64().unwrap_or_default()
}

fn heard_of(study: &Value) -> usize {
    let workers = study["workers"].as_array().into_iter().flatten();
    workers
        .filter(|worker| worker["step"].as_u64() > Some(0))
        .count()
}

/// Processor time that this process has used, as Linux tells it (proc(5)).
fn cpu_secs() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the program's name, may hold spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let field = |index| fields.split_whitespace().nth(index)?.parse::<f64>().ok();
    // In hundredths of a second on all processors that Linux runs on today.
    Some((field(11)? + field(12)?) / 100.0)
}

/// A socket is a file, and a shell's limit is often 1024.
#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the limit of open files stays as it is: {error}");
    }
}

#[cfg(not(unix))]
fn raise_file_limit() {}
