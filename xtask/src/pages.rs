//! Builds the pages and compresses them.
//! Knows where they lie and which npm script builds them, not what they show.

use std::path::PathBuf;

use crate::compression::{self, CompressionError};
use crate::node;
use crate::process::ProcessError;
use crate::stage::Success;
use crate::stamp::{Inputs, Stamp, StampError};
use crate::workspace::Workspace;

/// Why there are no pages.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// Their build failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A source or built file could not be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A built file could not be compressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

/// Builds the pages, unless those of the same sources are there. Needs the wasm module's bindings
/// and the npm packages.
///
/// # Errors
/// When their build fails or a file can't be read or written.
pub fn build(workspace: &Workspace) -> Result<Success, PagesError> {
    let root = workspace.root();
    let lock_file = root.join("package-lock.json");
    let inputs = Inputs {
        texts: Vec::new(),
        paths: vec![workspace.web(), lock_file],
    };
    let outputs: Vec<PathBuf> = vec![workspace.pages()];
    let stamp = Stamp::new(workspace.stamp("pages"), root, &inputs, outputs)?;
    if stamp.is_fresh()? {
        return Ok(Success::Unchanged);
    }
    node::run_script(workspace, "web", "build", &[])?;
    compression::compress_folder(&workspace.pages())?;
    stamp.write()?;
    Ok(Success::Done)
}
