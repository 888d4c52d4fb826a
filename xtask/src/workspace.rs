//! Where things lie in the clone and under the target folder.
//! Knows paths only: nothing here builds, and nothing here writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The clone this program was started in.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
    members: BTreeMap<PathBuf, Member>,
}

/// A package of the workspace.
#[derive(Debug)]
struct Member {
    name: String,
    /// Folders of the members it is built from.
    built_from: BTreeSet<PathBuf>,
}

impl Workspace {
    /// The workspace around the current folder, as Cargo sees it.
    ///
    /// # Errors
    /// When Cargo finds no workspace or can't read its manifests.
    pub fn found() -> Result<Self, cargo_metadata::Error> {
        let metadata = MetadataCommand::new().no_deps().exec()?;
        Ok(Self::from_metadata(&metadata))
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            root: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
            members: metadata.packages.iter().map(member).collect(),
        }
    }

    /// Top folder of the clone.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Target folder of the wasm build: its own, so that neither waits for the other's lock.
    #[must_use]
    pub fn wasm_target(&self) -> PathBuf {
        self.target.join("wasm")
    }

    /// The server's program, optimised.
    #[must_use]
    pub fn server(&self) -> PathBuf {
        let name = format!("tabsweep{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(name)
    }

    /// The program of the simulated volunteers, optimised.
    #[must_use]
    pub fn simulator(&self) -> PathBuf {
        let name = format!("tabsweep-simulate{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(name)
    }

    /// Folder for what a load run leaves on disk; on the disk that a server would use.
    #[must_use]
    pub fn load_state(&self) -> PathBuf {
        self.target.join("load")
    }

    /// Folder of the tools that exports are tested with.
    #[must_use]
    pub fn foreign_tools(&self) -> PathBuf {
        self.target.join("foreign-tools")
    }

    /// An example of one of the packages, optimised.
    #[must_use]
    pub fn example(&self, name: &str) -> PathBuf {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join("examples").join(name)
    }

    /// The trainer's program without optimisation.
    #[must_use]
    pub fn unoptimised_trainer(&self) -> PathBuf {
        let name = format!("unoptimised-trainer{}", std::env::consts::EXE_SUFFIX);
        self.target.join("xtask").join(name)
    }

    /// Source folder of the pages.
    #[must_use]
    pub fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// Folder of the built pages.
    #[must_use]
    pub fn pages(&self) -> PathBuf {
        self.web().join("dist")
    }

    /// Folder of the wasm module and its bindings.
    #[must_use]
    pub fn wasm_bindings(&self) -> PathBuf {
        self.web().join("src").join("wasm")
    }

    /// Source folder of the benchmarks.
    #[must_use]
    pub fn bench(&self) -> PathBuf {
        self.root.join("bench")
    }

    /// The native runner of the benchmarks, optimised.
    #[must_use]
    pub fn native_bench(&self) -> PathBuf {
        let name = format!("tabsweep-bench{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(name)
    }

    /// Folder of what has been recorded for benchmarks.
    #[must_use]
    pub fn bench_tables(&self) -> PathBuf {
        self.bench().join("tables")
    }

    /// Folder of what benchmarks build, draw and install.
    #[must_use]
    pub fn bench_results(&self) -> PathBuf {
        self.target.join("bench")
    }

    /// File that remembers what the named step was last built from.
    #[must_use]
    pub fn stamp(&self, step: &str) -> PathBuf {
        self.target.join("xtask").join(step)
    }

    /// Folders of the named package and of all members it is built from, itself included.
    /// Tests' dependencies don't count. Empty for a name that is no member.
    #[must_use]
    pub fn folders_behind(&self, package: &str) -> BTreeSet<PathBuf> {
        let mut waiting: Vec<&Path> = self
            .members
            .iter()
            .filter(|(_, member)| member.name == package)
            .map(|(folder, _)| folder.as_path())
            .collect();
        let mut reached = BTreeSet::new();
        while let Some(folder) = waiting.pop() {
            if let Some(member) = self.members.get(folder)
                && reached.insert(folder.to_owned())
            {
                waiting.extend(member.built_from.iter().map(PathBuf::as_path));
            }
        }
        reached
    }
}

fn member(package: &Package) -> (PathBuf, Member) {
    let manifest = Path::new(&package.manifest_path);
    let folder = manifest.parent().unwrap_or(manifest).to_owned();
    let built_from = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .filter_map(|dependency| dependency.path.clone().map(PathBuf::from))
        .collect();
    let name = package.name.to_string();
    (folder, Member { name, built_from })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(members: &[(&str, &[&str])]) -> Workspace {
        let member = |(name, built_from): &(&str, &[&str])| {
            let member = Member {
                name: (*name).to_owned(),
                built_from: built_from.iter().map(PathBuf::from).collect(),
            };
            (PathBuf::from(name), member)
        };
        Workspace {
            root: PathBuf::new(),
            target: PathBuf::from("target"),
            members: members.iter().map(member).collect(),
        }
    }

    #[test]
    fn folders_are_followed_through_all_levels() {
        let workspace = workspace(&[
            ("shell", &["volunteer", "trainer"]),
            ("volunteer", &["protocol"]),
            ("trainer", &[]),
            ("protocol", &[]),
            ("server", &["protocol"]),
        ]);
        let folders = workspace.folders_behind("shell");
        let names: Vec<_> = folders
            .iter()
            .filter_map(|folder| folder.to_str())
            .collect();
        assert_eq!(names, ["protocol", "shell", "trainer", "volunteer"]);
    }

    #[test]
    fn a_stranger_has_no_folders() {
        assert!(
            workspace(&[("server", &[])])
                .folders_behind("shell")
                .is_empty()
        );
    }

    #[test]
    fn the_wasm_shell_is_built_from_more_than_itself() {
        let folders = Workspace::found()
            .unwrap()
            .folders_behind(crate::wasm::PACKAGE);
        assert!(folders.iter().any(|folder| folder.ends_with("worker-wasm")));
    }
}
