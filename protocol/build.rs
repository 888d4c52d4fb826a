//! Names the build of everything that a worker computes with, so that a server can tell a tab that
//! still runs yesterday's trainer. The name is a hash of sources: the same for native and wasm.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The crates whose code decides what a worker sends, relative to the workspace.
const SOURCES: [&str; 8] = [
    "dataset/src",
    "labelling/src",
    "picture/src",
    "protocol/src",
    "trainer/src",
    "vision/src",
    "volunteer/src",
    "worker-wasm/src",
];

fn main() -> io::Result<()> {
    let workspace = Path::new("..");
    let mut files = Vec::new();
    for folder in SOURCES {
        println!("cargo::rerun-if-changed=../{folder}");
        collect(&workspace.join(folder), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(file.to_string_lossy().replace('\\', "/").as_bytes());
        hasher.update(fs::read(&file)?);
    }
    let name: String = hasher
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("cargo::rustc-env=TABSWEEP_BUILD={name}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
