//! `cargo xtask bench load`: a real server under simulated volunteers. Decides what is measured, how
//! often and against which aim; the volunteers are another program.

mod case;
mod report;
mod server;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use clap::{Args, ValueEnum};
use tabsweep_cluster::{Cluster, ClusterError};

use crate::bench::load::case::{Case, Measured};
use crate::bench::load::report::Report;
use crate::bench::load::server::Server;
use crate::bench::machine::Machine;
use crate::bench::{BenchError, files};
use crate::cargo;
use crate::process::{self, ProcessError};
use crate::stage::{Outcome, Stages, Success};
use crate::workspace::Workspace;

/// What to measure, and on what.
#[derive(Debug, Args)]
pub struct LoadOptions {
    /// Measures only these
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', default_values_t = Kind::ALL)]
    only: Vec<Kind>,
    /// Databases to measure on
    #[arg(long, value_enum, value_name = "STORE", value_delimiter = ',', default_values_t = [Store::Sqlite, Store::Postgres])]
    stores: Vec<Store>,
    /// How often what takes seconds is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A kind of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// 10,000 sockets on one process: memory, and the time to a lease
    Sockets,
    /// Trials per second, from lease to durable claim
    Cycles,
    /// Verdicts per second
    Verdicts,
    /// The share of their time in which workers train
    Utilisation,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Sockets,
        Self::Cycles,
        Self::Verdicts,
        Self::Utilisation,
    ];
}

/// What a server remembers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// The built-in one
    Sqlite,
    /// Started for the occasion, with its defaults
    Postgres,
}

/// Why a load could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The server did not start.
    #[error("the server did not start; its last words: {words}")]
    Server {
        /// The end of its log.
        words: String,
    },
    /// The simulator's report can't be read.
    #[error("the simulator's report can't be read: {source}")]
    Report {
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A folder can't be made or emptied.
    #[error("{}: {source}", path.display())]
    File {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// PostgreSQL can't be had.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// Measures and prints what was asked for.
///
/// # Errors
/// A program can't be built or started, or fails.
pub fn measure(workspace: &Workspace, options: &LoadOptions) -> Result<(), BenchError> {
    let mut stages = Stages::new(1);
    if stages.run("server and simulator", || Ok(build(workspace)?)) != Outcome::Passed {
        return Err(BenchError::NotSetUp);
    }
    // Before anything is measured: file systems are slow for a while where much was just deleted.
    empty(&workspace.load_state())?;
    let mut report = Report::new(Machine::found(BTreeMap::new()));
    for store in &options.stores {
        let postgres = match store {
            Store::Sqlite => None,
            Store::Postgres => match Cluster::start(&workspace.load_state().join("postgres")) {
                Ok(postgres) => Some(postgres),
                Err(error) => {
                    eprintln!("SKIPPED: {error}");
                    continue;
                }
            },
        };
        for case in cases(options) {
            let rounds = if case.is_quick() { options.rounds } else { 1 };
            eprintln!("{} on {}", case.name(), name(*store));
            let measured = rounds_of(workspace, &case, postgres.as_ref(), rounds)?;
            report.add(name(*store), &case, &measured);
        }
    }
    println!("{report}");
    if let Some(path) = &options.json {
        files::write(path, &report.to_json())?;
    }
    Ok(())
}

fn cases(options: &LoadOptions) -> Vec<Case> {
    Case::all()
        .into_iter()
        .filter(|case| options.only.contains(&case.kind))
        .collect()
}

fn name(store: Store) -> &'static str {
    match store {
        Store::Sqlite => "SQLite",
        Store::Postgres => "PostgreSQL",
    }
}

/// Builds both programs, with the features that all packages together ask for.
fn build(workspace: &Workspace) -> Result<Success, ProcessError> {
    let mut command = cargo::active(workspace);
    command.args([
        "build",
        "--release",
        "--bin",
        "tabsweep",
        "--bin",
        "tabsweep-simulate",
    ]);
    process::run(&mut command)?;
    Ok(Success::Done)
}

/// A fresh server for each round: what the last one wrote does not slow the next.
fn rounds_of(
    workspace: &Workspace,
    case: &Case,
    postgres: Option<&Cluster>,
    rounds: u8,
) -> Result<Vec<Measured>, LoadError> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        let folder = workspace.load_state();
        let store = postgres.map_or("SQLite", |_| "PostgreSQL");
        let state = folder.join(format!("{} on {store}, {round}", case.name()));
        let database = postgres.map(Cluster::fresh_database).transpose()?;
        let server = Server::start(workspace, (&folder, &state), case, database.as_deref())?;
        let before = server.cpu_secs();
        let mut simulator = Command::new(workspace.simulator());
        simulator
            .args(["--server", &server.url])
            .args(&case.simulator);
        let text = process::output(&mut simulator)?;
        let simulated =
            serde_json::from_str(&text).map_err(|source| LoadError::Report { source })?;
        measured.push(Measured {
            simulated,
            server_cpu_secs: server
                .cpu_secs()
                .zip(before)
                .map(|(after, before)| after - before),
            server_peak_mib: server.peak_mib(),
            server_errors: server.errors(),
        });
    }
    Ok(measured)
}

fn empty(folder: &std::path::Path) -> Result<(), LoadError> {
    let error = |source| LoadError::File {
        path: folder.to_owned(),
        source,
    };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(error)?;
    }
    fs::create_dir_all(folder).map_err(error)
}
