//! Decides which Rust compiles for WebAssembly: the active one, if need be after rustup gave it the
//! target, or Debian's packages. Knows how each is told to, and nothing of what is compiled.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cargo;
use crate::debian::{self, AptGet};
use crate::process::{self, ProcessError};
use crate::workspace::Workspace;

/// The target of everything that runs in a browser.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Forces one way: `installed`, `rustup` or `debian`.
const WAY_VARIABLE: &str = "TABSWEEP_WASM_TOOLCHAIN";

/// Debian's compiler for browsers, its Cargo, the standard library's source (Debian has no built
/// one for this target beside this compiler) and the linker.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "wasm-ld-19";

/// An offline rustup tries for very long; a slow network needs less than this for 20 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// Why nothing here compiles for WebAssembly.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// A way was forced that does not exist.
    #[error("{WAY_VARIABLE} is `{value}`; it can be `installed`, `rustup` or `debian`")]
    UnknownWay {
        /// What the variable holds.
        value: String,
    },
    /// No way led to a toolchain.
    #[error("{}", how_to_get_one(tried))]
    NoneFound {
        /// The attempts made and how each failed, in order.
        tried: Vec<Failure>,
    },
}

/// An attempt that led to nothing.
#[derive(Debug)]
pub struct Failure {
    attempt: Attempt,
    reason: String,
}

/// A Rust that compiles for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that runs this program; it has the target's standard library.
    Active,
    /// Debian's packages; they build the standard library from source.
    Debian,
}

/// A way to a toolchain that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Installed,
    Rustup,
    Debian,
}

/// What was found on this machine.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The active toolchain has the target's standard library.
    has_target: bool,
    has_rustup: bool,
    has_debian_packages: bool,
    /// Packages can be installed.
    has_apt_get: bool,
    /// The last build was made with Debian's packages.
    built_with_debian: bool,
}

/// Something that may lead to a toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    UseActive,
    AddTarget,
    UseDebian,
    InstallDebian,
}

impl Toolchain {
    /// Finds a toolchain, and sets one up where none is there.
    ///
    /// # Errors
    /// When the forced way is unknown, or when no way leads to a toolchain.
    pub fn found(workspace: &Workspace) -> Result<Self, ToolchainError> {
        let memory = workspace.stamp("wasm-toolchain");
        let mut tried = Vec::new();
        for attempt in attempts(probed(&memory), forced_way()?) {
            match attempt.made() {
                Ok(toolchain) => {
                    toolchain.remember(&memory);
                    return Ok(toolchain);
                }
                Err(reason) => tried.push(Failure { attempt, reason }),
            }
        }
        Err(ToolchainError::NoneFound { tried })
    }

    /// `cargo SUBCOMMAND` for [`TARGET`] with the given flags for the compiler.
    #[must_use]
    pub fn cargo(self, workspace: &Workspace, subcommand: &str, rustflags: &[String]) -> Command {
        let mut command = match self {
            Self::Active => cargo::active(workspace),
            Self::Debian => debian_cargo(workspace),
        };
        command.args([subcommand, "--target", TARGET]);
        command.arg("--target-dir").arg(workspace.wasm_target());
        if self == Self::Debian {
            command.args(["-Z", "build-std=std,panic_abort"]);
        }
        // Cargo reads this one before any other source of flags, which might add FMA or threads.
        command.env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\x1f"));
        command
    }

    /// Whether it can lint.
    #[must_use]
    pub fn has_clippy(self, workspace: &Workspace) -> bool {
        let version = |mut cargo: Command| process::succeeds(cargo.args(["clippy", "--version"]));
        self == Self::Active && version(cargo::active(workspace))
    }

    /// Name and versions: two builds of different identity may differ.
    ///
    /// # Errors
    /// When its compiler can't be asked.
    pub fn identity(self) -> Result<String, ProcessError> {
        let mut rustc = match self {
            Self::Active => cargo::active_rustc(),
            Self::Debian => Command::new(DEBIAN_RUSTC),
        };
        let version = process::output(rustc.arg("-vV"))?;
        Ok(format!("{self}\n{version}"))
    }

    /// Only saves time at the next start, so that a failure does not matter.
    fn remember(self, memory: &Path) {
        if let Some(folder) = memory.parent() {
            let _ = fs::create_dir_all(folder).and_then(|()| fs::write(memory, self.to_string()));
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "the active Rust toolchain",
            Self::Debian => "Debian's rustc-web, which builds the standard library too",
        })
    }
}

/// What to try, in order. Says nothing where nothing can be tried.
fn attempts(facts: Facts, forced: Option<Way>) -> Vec<Attempt> {
    let debian = if facts.has_debian_packages {
        Some(Attempt::UseDebian)
    } else {
        facts.has_apt_get.then_some(Attempt::InstallDebian)
    };
    let installed = facts.has_target.then_some(Attempt::UseActive);
    let rustup = facts.has_rustup.then_some(Attempt::AddTarget);
    let in_order: Vec<_> = match forced {
        Some(Way::Installed) => vec![installed],
        Some(Way::Rustup) => vec![rustup],
        Some(Way::Debian) => vec![debian],
        // rustup failed the last time: asking it again at each start would cost minutes.
        None if facts.built_with_debian && facts.has_debian_packages => {
            vec![installed, debian, rustup]
        }
        None => vec![installed, rustup, debian],
    };
    in_order.into_iter().flatten().collect()
}

fn forced_way() -> Result<Option<Way>, ToolchainError> {
    match env::var(WAY_VARIABLE) {
        Ok(value) => way(&value).map(Some),
        Err(_) => Ok(None),
    }
}

fn way(value: &str) -> Result<Way, ToolchainError> {
    match value {
        "installed" => Ok(Way::Installed),
        "rustup" => Ok(Way::Rustup),
        "debian" => Ok(Way::Debian),
        _ => Err(ToolchainError::UnknownWay {
            value: value.to_owned(),
        }),
    }
}

fn probed(memory: &Path) -> Facts {
    let last = fs::read_to_string(memory).unwrap_or_default();
    Facts {
        has_target: active_has_target(),
        has_rustup: which::which("rustup").is_ok(),
        has_debian_packages: debian::are_installed(&DEBIAN_PACKAGES),
        has_apt_get: AptGet::found().is_some(),
        built_with_debian: last == Toolchain::Debian.to_string(),
    }
}

fn active_has_target() -> bool {
    let sysroot = process::output(cargo::active_rustc().args(["--print", "sysroot"]));
    sysroot.is_ok_and(|sysroot| has_standard_library(Path::new(&sysroot)))
}

/// Whether the sysroot holds the target's compiled `std`; the bare folder may be there without.
fn has_standard_library(sysroot: &Path) -> bool {
    let folder: PathBuf = ["lib", "rustlib", TARGET, "lib"].iter().collect();
    let Ok(entries) = fs::read_dir(sysroot.join(folder)) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}

impl Attempt {
    fn made(self) -> Result<Toolchain, String> {
        match self {
            Self::UseActive => Ok(Toolchain::Active),
            Self::AddTarget => add_target(),
            Self::UseDebian => Ok(Toolchain::Debian),
            Self::InstallDebian => install_debian(),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UseActive => "the active toolchain",
            Self::AddTarget => "rustup",
            Self::UseDebian => "Debian's packages",
            Self::InstallDebian => "apt-get",
        })
    }
}

fn add_target() -> Result<Toolchain, String> {
    let mut rustup = Command::new("rustup");
    process::run_within(rustup.args(["target", "add", TARGET]), RUSTUP_LIMIT)
        .map_err(|error| error.to_string())?;
    // Where the active `rustc` is not rustup's, the target has gone to another toolchain.
    active_has_target()
        .then_some(Toolchain::Active)
        .ok_or_else(|| "it gave the target to a toolchain that is not the active one".to_owned())
}

fn install_debian() -> Result<Toolchain, String> {
    let apt_get = AptGet::found().ok_or("not allowed without a password")?;
    apt_get
        .install(&DEBIAN_PACKAGES)
        .map(|()| Toolchain::Debian)
        .map_err(|error| error.to_string())
}

fn debian_cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(DEBIAN_CARGO);
    command.current_dir(workspace.root());
    cargo::remove_variables(&mut command, env::vars_os(), cargo::chooses_a_toolchain);
    command
        .env("RUSTC", DEBIAN_RUSTC)
        // Building the standard library is an unstable feature of Cargo.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
        .env("PATH", with_system_programs_first());
    command
}

/// The search path with rustup's stand-ins for `cargo` and `rustc` behind the system's own.
fn with_system_programs_first() -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from("/usr/bin")).chain(env::split_paths(&path));
    // No folder that came out of the path can be one that does not go into it.
    env::join_paths(folders).unwrap_or(path)
}

fn how_to_get_one(tried: &[Failure]) -> String {
    let failures: String = tried
        .iter()
        .map(|Failure { attempt, reason }| format!("\n    tried {attempt}: {reason}"))
        .collect();
    let packages = DEBIAN_PACKAGES.join(" ");
    format!(
        "no Rust toolchain here compiles for {TARGET}.{failures}\n  Install one, then start again:\n    \
         with rustup:  rustup target add {TARGET}\n    \
         on Debian:    sudo apt-get install {packages}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Facts = Facts {
        has_target: false,
        has_rustup: false,
        has_debian_packages: false,
        has_apt_get: false,
        built_with_debian: false,
    };
    const ALL: Facts = Facts {
        has_target: true,
        has_rustup: true,
        has_debian_packages: true,
        has_apt_get: true,
        built_with_debian: false,
    };

    #[track_caller]
    fn check(facts: Facts, forced: Option<Way>, expected: &[Attempt]) {
        assert_eq!(attempts(facts, forced), expected, "{facts:?} {forced:?}");
    }

    #[test]
    fn what_is_there_goes_before_what_must_be_fetched() {
        use Attempt::{AddTarget, InstallDebian, UseActive, UseDebian};
        check(ALL, None, &[UseActive, AddTarget, UseDebian]);
        let facts = Facts {
            has_target: false,
            has_debian_packages: false,
            ..ALL
        };
        check(facts, None, &[AddTarget, InstallDebian]);
    }

    #[test]
    fn a_bare_machine_has_nothing_to_try() {
        check(BARE, None, &[]);
        for way in [Way::Installed, Way::Rustup, Way::Debian] {
            check(BARE, Some(way), &[]);
        }
    }

    #[test]
    fn a_forced_way_is_the_only_one() {
        check(ALL, Some(Way::Installed), &[Attempt::UseActive]);
        check(ALL, Some(Way::Rustup), &[Attempt::AddTarget]);
        check(ALL, Some(Way::Debian), &[Attempt::UseDebian]);
        let facts = Facts {
            has_debian_packages: false,
            ..ALL
        };
        check(facts, Some(Way::Debian), &[Attempt::InstallDebian]);
    }

    #[test]
    fn rustup_is_not_asked_again_where_debian_served() {
        let facts = Facts {
            has_target: false,
            built_with_debian: true,
            ..ALL
        };
        check(facts, None, &[Attempt::UseDebian, Attempt::AddTarget]);
        let removed = Facts {
            has_debian_packages: false,
            ..facts
        };
        check(removed, None, &[Attempt::AddTarget, Attempt::InstallDebian]);
    }

    #[test]
    fn ways_are_named_as_documented() {
        assert_eq!(way("installed").unwrap(), Way::Installed);
        assert_eq!(way("rustup").unwrap(), Way::Rustup);
        assert_eq!(way("debian").unwrap(), Way::Debian);
        assert!(way("Debian ").is_err());
    }

    #[test]
    fn the_error_says_what_was_tried_and_what_to_install() {
        let tried = vec![Failure {
            attempt: Attempt::AddTarget,
            reason: "no network".to_owned(),
        }];
        let text = ToolchainError::NoneFound { tried }.to_string();
        assert!(text.contains("tried rustup: no network"), "{text}");
        assert!(text.contains("rustup target add wasm32-unknown-unknown"));
        assert!(text.contains("apt-get install rustc-web cargo-web rust-web-src lld-19"));
    }

    #[test]
    fn a_target_folder_without_std_is_no_target() {
        let sysroot = tempfile::tempdir().unwrap();
        let folder = sysroot.path().join("lib/rustlib").join(TARGET).join("lib");
        assert!(!has_standard_library(sysroot.path()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("libcore-1.rlib"), "").unwrap();
        assert!(!has_standard_library(sysroot.path()));
        fs::write(folder.join("libstd-2.rlib"), "").unwrap();
        assert!(has_standard_library(sysroot.path()));
    }
}
