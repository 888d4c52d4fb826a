//! `cargo xtask`: builds, serves, measures and tests the whole project with one command each.
//! Decides what may be asked for; how it is done stands in the files beside it.

mod bench;
mod build;
mod cargo;
mod chromium;
mod compression;
mod debian;
mod firefox;
mod foreign;
mod node;
mod pages;
mod process;
mod serve;
mod stage;
mod stamp;
mod test;
mod toolchain;
mod tracked;
mod trainers;
mod wasm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bench::BenchTask;
use crate::test::TestOptions;
use crate::workspace::Workspace;

/// Builds, serves, measures and tests tabsweep.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds what has changed, then runs the server
    Serve {
        /// Flags for the server: `cargo xtask serve -- --listen 0.0.0.0:8080`
        #[arg(last = true)]
        flags: Vec<OsString>,
    },
    /// Builds the wasm module, the pages and the server
    Build,
    /// Measures and prints a table; everything on one thread
    #[command(subcommand)]
    Bench(BenchTask),
    /// Sets up what the tests need and runs them all
    Test(TestOptions),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let workspace = match Workspace::found() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("cargo xtask runs inside a clone of the project: {error}");
            return ExitCode::FAILURE;
        }
    };
    match arguments.task {
        Task::Serve { flags } => serve::serve(&workspace, &flags),
        Task::Build => build::build_all(&workspace),
        Task::Bench(task) => bench::bench(&workspace, &task),
        Task::Test(options) => test::test(&workspace, &options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn server_flags_follow_two_dashes() {
        let arguments =
            Arguments::try_parse_from(["xtask", "serve", "--", "--listen", "[::]:80"]).unwrap();
        let Task::Serve { flags } = arguments.task else {
            panic!("serve was asked for");
        };
        assert_eq!(flags, ["--listen", "[::]:80"]);
        assert!(Arguments::try_parse_from(["xtask", "serve", "--listen"]).is_err());
    }
}
