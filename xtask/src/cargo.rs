//! Starts Cargo from within a program that Cargo started.
//! Decides which variables of the outer Cargo an inner one may see; knows no package.

use std::env;
use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::workspace::Workspace;

/// The Cargo that started this program, run in the top folder of the clone.
///
/// What the outer Cargo says about the xtask package is removed: build scripts that watch such
/// variables would be run again at every change between `cargo` and `cargo xtask`.
#[must_use]
pub fn active(workspace: &Workspace) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace.root());
    remove_variables(&mut command, env::vars_os(), describes_a_package);
    command
}

/// The `rustc` that [`active`] uses.
#[must_use]
pub fn active_rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Removes all variables that `is_unwanted` from what a program will see.
pub fn remove_variables(
    command: &mut Command,
    variables: impl Iterator<Item = (OsString, OsString)>,
    is_unwanted: fn(&str) -> bool,
) {
    let unwanted = |name: &OsStr| name.to_str().is_some_and(is_unwanted);
    for (name, _) in variables.filter(|(name, _)| unwanted(name)) {
        command.env_remove(name);
    }
}

/// Whether a variable tells of the package that the outer Cargo runs.
fn describes_a_package(variable: &str) -> bool {
    const NAMES: [&str; 4] = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
    ];
    const PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_BIN_"];
    NAMES.contains(&variable) || has_prefix(variable, &PREFIXES)
}

/// Whether a variable chooses a toolchain or how it compiles: a Cargo of another toolchain must
/// not see it. Where packages come from and how progress is shown stays the user's choice.
#[must_use]
pub fn chooses_a_toolchain(variable: &str) -> bool {
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    const PREFIXES: [&str; 4] = ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_"];
    // The outer Cargo puts its own toolchain's libraries there.
    const NAMES: [&str; 2] = ["RUSTFLAGS", "LD_LIBRARY_PATH"];
    let is_chosen = NAMES.contains(&variable) || has_prefix(variable, &PREFIXES);
    is_chosen && !has_prefix(variable, &KEPT)
}

fn has_prefix(variable: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| variable.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_cargo_does_not_hear_of_the_outer_package() {
        assert!(describes_a_package("CARGO_PKG_NAME"));
        assert!(describes_a_package("CARGO_MANIFEST_DIR"));
        assert!(!describes_a_package("CARGO_TARGET_DIR"));
        assert!(!describes_a_package("RUSTFLAGS"));
    }

    #[test]
    fn another_toolchain_keeps_the_users_registry_only() {
        let unwanted = [
            "CARGO",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "LD_LIBRARY_PATH",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTDOCFLAGS",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ];
        for variable in unwanted {
            assert!(chooses_a_toolchain(variable), "{variable}");
        }
        let kept = [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_MIRROR_INDEX",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_TERM_COLOR",
            "PATH",
            "RUST_BACKTRACE",
        ];
        for variable in kept {
            assert!(!chooses_a_toolchain(variable), "{variable}");
        }
    }

    #[test]
    fn unwanted_variables_are_removed_and_no_others() {
        let mut command = Command::new("true");
        let variables = [("CARGO_PKG_NAME", "xtask"), ("HOME", "/home/someone")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        remove_variables(&mut command, variables.into_iter(), describes_a_package);
        let removed: Vec<_> = command.get_envs().collect();
        assert_eq!(removed, [(OsStr::new("CARGO_PKG_NAME"), None)]);
    }
}
