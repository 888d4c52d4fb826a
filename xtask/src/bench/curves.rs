//! `cargo xtask bench curves`: records the learning curves that samplers and pruners are measured on,
//! or checks that they come out as they were recorded. What is varied stands beside the table.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::bench::candidate::Candidate;
use crate::bench::setup::{Setup, Wanted};
use crate::bench::{BenchError, files};
use crate::process;
use crate::workspace::Workspace;

/// What to record.
#[derive(Debug, Args)]
pub struct CurveOptions {
    /// Records nothing, but trains this many rows again and compares
    #[arg(long, value_name = "N")]
    check: Option<usize>,
    /// Folder with the four files of MNIST
    #[arg(long, value_name = "DIR", env = "TABSWEEP_MNIST_DIR")]
    mnist: Option<PathBuf>,
}

/// Records what the table lacks.
///
/// # Errors
/// There is no MNIST, the recorder can't be built, or it fails; it has said why.
pub fn record(workspace: &Workspace, options: &CurveOptions) -> Result<(), BenchError> {
    let mnist = files::absolute(options.mnist.as_deref().ok_or(BenchError::NoMnist)?)?;
    let wanted = Wanted {
        candidates: &[Candidate::Native],
        mnist: Some(&mnist),
        imagenet: None,
    };
    Setup::made(workspace, &wanted)?;
    let tables = workspace.bench_tables();
    let mut command = Command::new(workspace.native_bench());
    command.arg("record").arg("--mnist").arg(mnist);
    command.arg("--grid").arg(tables.join("lenet.toml"));
    command.arg("--table").arg(tables.join("lenet.csv"));
    if let Some(count) = options.check {
        command.args(["--check", &count.to_string()]);
    }
    Ok(process::run(&mut command)?)
}
