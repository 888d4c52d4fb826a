//! Decides whether a step may be skipped: by what its inputs and outputs contain, never by when
//! they were written, so that a fresh checkout of the same files rebuilds nothing.
//! Knows no step in particular.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

/// Folders inside an input folder that hold what was built or downloaded.
const NO_INPUTS: [&str; 4] = ["node_modules", "dist", "target", "results"];

/// A file or folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct StampError {
    path: PathBuf,
    source: io::Error,
}

/// SHA-256 over texts, and over the paths and contents of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a step is built from.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Anything that is no file: versions, flags.
    pub texts: Vec<String>,
    /// Files, and folders with all that is in them. One that is missing counts as such.
    pub paths: Vec<PathBuf>,
}

impl Inputs {
    /// The fingerprint of all inputs; paths count relative to `root`, in any order.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn fingerprint(&self, root: &Path) -> Result<Fingerprint, StampError> {
        let mut hasher = Sha256::new();
        for text in &self.texts {
            absorb(&mut hasher, text.as_bytes());
        }
        for file in files(&self.paths)? {
            let name = file.strip_prefix(root).unwrap_or(&file);
            absorb(&mut hasher, name.to_string_lossy().as_bytes());
            let content = fs::read(&file).map_err(|source| failed(&file, source))?;
            absorb(&mut hasher, &content);
        }
        let digest = hasher.finalize();
        Ok(Fingerprint(
            digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }
}

/// What a step was last built from, and what came out.
#[derive(Debug)]
pub struct Stamp {
    file: PathBuf,
    inputs: Fingerprint,
    outputs: Inputs,
    root: PathBuf,
}

impl Stamp {
    /// A stamp kept in `file` for a step that turns `inputs` into the files and folders `outputs`.
    /// The inputs are read now: what changes while the step runs makes the next run build again.
    ///
    /// # Errors
    /// When an input can't be read.
    pub fn new(
        file: PathBuf,
        root: &Path,
        inputs: &Inputs,
        outputs: Vec<PathBuf>,
    ) -> Result<Self, StampError> {
        Ok(Self {
            file,
            inputs: inputs.fingerprint(root)?,
            outputs: Inputs {
                texts: Vec::new(),
                paths: outputs,
            },
            root: root.to_owned(),
        })
    }

    /// Whether the step would only make again what is there already.
    ///
    /// # Errors
    /// When an output can't be read.
    pub fn is_fresh(&self) -> Result<bool, StampError> {
        let Ok(recorded) = fs::read_to_string(&self.file) else {
            return Ok(false);
        };
        Ok(recorded == self.record()?)
    }

    /// Remembers that the step has been done.
    ///
    /// # Errors
    /// When an output can't be read or the stamp can't be written.
    pub fn write(&self) -> Result<(), StampError> {
        let record = self.record()?;
        let folder = self.file.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        fs::write(&self.file, record).map_err(|source| failed(&self.file, source))
    }

    fn record(&self) -> Result<String, StampError> {
        let outputs = self.outputs.fingerprint(&self.root)?;
        Ok(format!("inputs {}\noutputs {outputs}\n", self.inputs))
    }
}

/// All files among and below the paths, sorted; symbolic links are not followed.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, StampError> {
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| path.exists()) {
        for entry in WalkDir::new(path).into_iter().filter_entry(is_input) {
            let entry = entry.map_err(|error| failed(path, error.into()))?;
            if entry.file_type().is_file() {
                found.push(entry.into_path());
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn is_input(entry: &DirEntry) -> bool {
    let named = |name: &str| entry.file_name() == name;
    entry.depth() == 0 || !NO_INPUTS.into_iter().any(named)
}

/// Adds one part with its length in front: "ab" + "c" must differ from "a" + "bc".
fn absorb(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_le_bytes());
    hasher.update(part);
}

fn failed(path: &Path, source: io::Error) -> StampError {
    StampError {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
    }

    impl Bench {
        fn new(files: &[(&str, &str)]) -> Self {
            let bench = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            for (name, content) in files {
                bench.put(name, content);
            }
            bench
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn put(&self, name: &str, content: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn stamp(&self, flags: &str) -> Stamp {
            let inputs = Inputs {
                texts: vec![flags.to_owned()],
                paths: vec![self.path("src")],
            };
            let outputs = vec![self.path("dist")];
            Stamp::new(self.path("stamp"), self.folder.path(), &inputs, outputs).unwrap()
        }
    }

    fn built() -> Bench {
        let bench = Bench::new(&[("src/a", "one"), ("src/b", "two"), ("dist/c", "three")]);
        bench.stamp("-O").write().unwrap();
        bench
    }

    #[test]
    fn nothing_is_fresh_before_it_was_built() {
        assert!(
            !Bench::new(&[("src/a", "one")])
                .stamp("-O")
                .is_fresh()
                .unwrap()
        );
    }

    #[test]
    fn the_same_content_is_fresh_whenever_written() {
        let bench = built();
        bench.put("src/a", "one");
        assert!(bench.stamp("-O").is_fresh().unwrap());
    }

    #[test]
    fn any_change_of_an_input_or_output_is_noticed() {
        let changes: [fn(&Bench); 5] = [
            |bench| bench.put("src/a", "other"),
            |bench| bench.put("src/new", ""),
            |bench| fs::rename(bench.path("src/a"), bench.path("src/z")).unwrap(),
            |bench| bench.put("dist/c", "other"),
            |bench| fs::remove_file(bench.path("dist/c")).unwrap(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let bench = built();
            change(&bench);
            assert!(!bench.stamp("-O").is_fresh().unwrap(), "change {number}");
        }
        assert!(!built().stamp("-O2").is_fresh().unwrap(), "flags");
    }

    #[test]
    fn what_is_built_inside_an_input_folder_is_no_input() {
        let bench = built();
        bench.put("src/node_modules/left", "pad");
        assert!(bench.stamp("-O").is_fresh().unwrap());
    }

    #[test]
    fn an_input_that_changes_during_the_step_makes_it_stale() {
        let bench = Bench::new(&[("src/a", "one")]);
        let stamp = bench.stamp("-O");
        bench.put("src/a", "edited meanwhile");
        stamp.write().unwrap();
        assert!(!bench.stamp("-O").is_fresh().unwrap());
    }

    #[test]
    fn neither_order_nor_place_of_the_clone_matters() {
        let fingerprint = |bench: &Bench, names: [&str; 2]| {
            let paths = names.map(|name| bench.path(name)).to_vec();
            let inputs = Inputs {
                texts: Vec::new(),
                paths,
            };
            inputs.fingerprint(bench.folder.path()).unwrap()
        };
        assert_eq!(
            fingerprint(&built(), ["src/a", "src/b"]),
            fingerprint(&built(), ["src/b", "src/a"])
        );
    }
}
