//! Node.js: whether it is new enough, and the packages that the pages and the browser tests need.
//! Does not know what the packages' scripts do.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::Command;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::process::{self, ProcessError};
use crate::stage::Success;
use crate::stamp::{Inputs, Stamp, StampError};
use crate::workspace::Workspace;

const MANIFESTS: [&str; 5] = [
    "package.json",
    "package-lock.json",
    "web/package.json",
    "tests/package.json",
    "bench/package.json",
];

/// Why npm can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// There is no Node.js.
    #[error("Node.js is not installed. {INSTALL}")]
    Missing,
    /// There is a Node.js without npm, as in Debian's packages.
    #[error("npm is not installed (it comes with Node.js; on Debian: sudo apt-get install npm)")]
    NpmMissing,
    /// There is one that the pages' tools don't run on.
    #[error("Node.js {found} is too old for the tools that build the pages. {INSTALL}")]
    TooOld {
        /// Its version, as it says itself.
        found: String,
    },
    /// A list of packages is missing.
    #[error("{name} is missing: this clone is not complete")]
    ManifestMissing {
        /// Path within the clone.
        name: &'static str,
    },
    /// npm failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A list of packages could not be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
}

const INSTALL: &str = "Install version 22.12 or newer (20.19 will do): from https://nodejs.org, \
                       or on Debian 13 and newer: sudo apt-get install nodejs npm";

/// A version of Node.js; parts behind the minor one don't matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Reads what `node --version` prints, such as `v20.19.5`.
    fn parsed(text: &str) -> Option<Self> {
        let mut parts = text.trim().strip_prefix('v')?.split('.');
        let mut part = || parts.next()?.parse().ok();
        Some(Self {
            major: part()?,
            minor: part()?,
        })
    }

    /// Whether Vite runs on it: the odd versions and the first ones of 22 lack what it needs.
    fn is_supported(self) -> bool {
        let Self { major, minor } = self;
        matches!((major, minor), (20, 19..) | (22, 12..) | (23.., _))
    }
}

/// Installs the packages that the lock file names, unless they are there.
///
/// # Errors
/// When Node.js is missing or too old, or when npm fails.
pub fn install_packages(workspace: &Workspace) -> Result<Success, NodeError> {
    let version = checked_version()?;
    let root = workspace.root();
    if let Some(name) = MANIFESTS.into_iter().find(|name| !root.join(name).exists()) {
        return Err(NodeError::ManifestMissing { name });
    }
    let inputs = Inputs {
        texts: vec![version],
        paths: MANIFESTS.map(|name| root.join(name)).to_vec(),
    };
    // npm writes this one last. The packages themselves are too many to read at each start.
    let outputs = vec![root.join("node_modules/.package-lock.json")];
    let stamp = Stamp::new(workspace.stamp("npm-packages"), root, &inputs, outputs)?;
    if stamp.is_fresh()? {
        return Ok(Success::Unchanged);
    }
    let quiet = [
        "--no-audit",
        "--no-fund",
        "--no-progress",
        "--no-update-notifier",
    ];
    let waiting = spinner("npm downloads and unpacks");
    let installed = process::run(npm(workspace).arg("ci").args(quiet));
    waiting.finish_and_clear();
    installed?;
    stamp.write()?;
    Ok(Success::Done)
}

/// Runs a script of one of the npm workspaces.
///
/// # Errors
/// When the script fails or npm can't be started.
pub fn run_script(
    workspace: &Workspace,
    package: &str,
    script: &str,
    variables: &[(&str, OsString)],
) -> Result<(), ProcessError> {
    let mut command = npm(workspace);
    command.args(["run", script, "--workspace", package]);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    if !io::stdout().is_terminal() {
        // Vitest colours its summary wherever CI is set: unreadable in a log, unfindable by a search.
        command.env("NO_COLOR", "1").env_remove("FORCE_COLOR");
    }
    process::run(&mut command)
}

/// Version of Node.js, once it is known to be new enough.
fn checked_version() -> Result<String, NodeError> {
    let found = match process::output(Command::new("node").arg("--version")) {
        Err(ProcessError::NotStarted { .. }) => return Err(NodeError::Missing),
        other => other?,
    };
    if which::which("npm").is_err() {
        return Err(NodeError::NpmMissing);
    }
    match Version::parsed(&found) {
        Some(version) if version.is_supported() => Ok(found),
        _ => Err(NodeError::TooOld { found }),
    }
}

fn npm(workspace: &Workspace) -> Command {
    // On Windows, npm is a script; only its full path can be started.
    let program = which::which("npm").unwrap_or_else(|_| "npm".into());
    let mut command = Command::new(program);
    command.current_dir(workspace.root());
    command
}

fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_node_prints_them() {
        let version = Version::parsed("v20.19.5\n");
        assert_eq!(
            version,
            Some(Version {
                major: 20,
                minor: 19
            })
        );
        assert_eq!(Version::parsed("20.19.5"), None);
        assert_eq!(Version::parsed("v20"), None);
        assert_eq!(Version::parsed(""), None);
    }

    #[test]
    fn only_versions_that_vite_runs_on_are_supported() {
        for text in ["v20.19.0", "v20.20.2", "v22.12.0", "v24.0.0", "v26.1.0"] {
            assert!(Version::parsed(text).unwrap().is_supported(), "{text}");
        }
        for text in ["v18.20.4", "v20.18.3", "v21.7.3", "v22.11.0", "v9.0.0"] {
            assert!(!Version::parsed(text).unwrap().is_supported(), "{text}");
        }
    }
}
