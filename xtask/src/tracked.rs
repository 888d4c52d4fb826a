//! Refuses large files among those that Git tracks: a clone keeps them for ever.
//! Knows sizes only.

use std::fs;
use std::process::Command;

use crate::process::{self, ProcessError};
use crate::stage::Success;
use crate::workspace::Workspace;

const LIMIT_BYTES: u64 = 1024 * 1024;

/// Why the tracked files are not in order.
#[derive(Debug, thiserror::Error)]
pub enum TrackedError {
    /// Git could not list them.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Some are too large.
    #[error("larger than 1 MiB: {}", names.join(", "))]
    TooLarge {
        /// Their paths within the clone.
        names: Vec<String>,
    },
}

/// Checks that no tracked file is larger than 1 MiB.
///
/// # Errors
/// When one is, or when Git fails.
pub fn check_sizes(workspace: &Workspace) -> Result<Success, TrackedError> {
    let root = workspace.root();
    if !root.join(".git").exists() {
        let reason = "this copy of the sources is no Git clone".to_owned();
        return Ok(Success::Skipped { reason });
    }
    let listed = process::output(
        Command::new("git")
            .current_dir(root)
            .args(["ls-files", "-z"]),
    )?;
    let size = |name: &str| fs::metadata(root.join(name)).map_or(0, |file| file.len());
    let files = listed.split_terminator('\0').map(|name| (name, size(name)));
    let names = too_large(files);
    if names.is_empty() {
        Ok(Success::Done)
    } else {
        Err(TrackedError::TooLarge { names })
    }
}

/// Names of the files that exceed the limit; sizes in bytes.
fn too_large<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> Vec<String> {
    files
        .filter(|(_, bytes)| *bytes > LIMIT_BYTES)
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed() {
        let files = [("a", LIMIT_BYTES), ("b", LIMIT_BYTES + 1), ("c", 0)];
        assert_eq!(too_large(files.into_iter()), ["b"]);
    }
}
