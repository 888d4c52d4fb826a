//! Builds WebAssembly modules and their JavaScript bindings: the workers', and the benchmarks'.
//! Decides the compiler's flags, which are part of what makes results equal to the bit everywhere;
//! does not know which toolchain obeys them.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wasm_bindgen_cli_support::Bindgen;

use crate::process::{self, ProcessError};
use crate::stage::Success;
use crate::stamp::{Inputs, Stamp, StampError};
use crate::toolchain::{TARGET, Toolchain, ToolchainError};
use crate::workspace::Workspace;

/// The package that becomes the workers' module.
pub const PACKAGE: &str = "tabsweep-worker-wasm";
const PROFILE: &str = "wasm";

/// Why there is no wasm module.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// Nothing here compiles for wasm.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The compiler or the linter failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of its sources could not be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// wasm-bindgen does not accept the compiled module.
    #[error("wasm-bindgen can't write bindings for {}: {reason}", module.display())]
    Bindings {
        /// The compiled module.
        module: PathBuf,
        /// wasm-bindgen's chain of errors.
        reason: String,
    },
    /// The folder of the bindings can't be emptied.
    #[error("{} can't be emptied: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A package that becomes a module.
#[derive(Debug)]
pub struct Module {
    /// Its name; `-` becomes `_` in the compiled file.
    pub package: &'static str,
    /// Stem of the files that scripts import.
    pub bindings: &'static str,
    /// Where these files go. Emptied first.
    pub folder: PathBuf,
    /// Name of the stamp.
    pub stamp: &'static str,
}

/// Builds the workers' module and its bindings, unless those of the same sources are there.
///
/// # Errors
/// When there is no toolchain, or when compiling or binding fails.
pub fn build(workspace: &Workspace) -> Result<Success, WasmError> {
    let module = Module {
        package: PACKAGE,
        bindings: "worker_wasm",
        folder: workspace.wasm_bindings(),
        stamp: "wasm-module",
    };
    build_module(workspace, &module)
}

/// Builds any module like the workers', with the same flags and profile.
///
/// # Errors
/// Those of [`build`].
pub fn build_module(workspace: &Workspace, module: &Module) -> Result<Success, WasmError> {
    let toolchain = Toolchain::found(workspace)?;
    let stamp = Stamp::new(
        workspace.stamp(module.stamp),
        workspace.root(),
        &inputs(workspace, toolchain, module.package)?,
        vec![module.folder.clone()],
    )?;
    if stamp.is_fresh()? {
        return Ok(Success::Unchanged);
    }
    eprintln!("  compiling with {toolchain}");
    let compiled = compiled(workspace, toolchain, module.package)?;
    bind(&compiled, module)?;
    stamp.write()?;
    Ok(Success::Done)
}

/// Lints the package for the target it is written for, where the toolchain can.
///
/// # Errors
/// When there is no toolchain, or when the linter finds something.
pub fn lint(workspace: &Workspace) -> Result<Success, WasmError> {
    let toolchain = Toolchain::found(workspace)?;
    if !toolchain.has_clippy(workspace) {
        let reason = format!("{toolchain} comes without clippy: {PACKAGE} was not linted");
        return Ok(Success::Skipped { reason });
    }
    let mut command = toolchain.cargo(workspace, "clippy", &rustflags(workspace));
    command.args(["--package", PACKAGE, "--lib", "--profile", PROFILE]);
    process::run(command.args(["--", "-D", "warnings"]))?;
    Ok(Success::Done)
}

fn compiled(
    workspace: &Workspace,
    toolchain: Toolchain,
    package: &str,
) -> Result<PathBuf, ProcessError> {
    let mut command = toolchain.cargo(workspace, "build", &rustflags(workspace));
    process::run(command.args(["--package", package, "--lib", "--profile", PROFILE]))?;
    let folder = workspace.wasm_target().join(TARGET).join(PROFILE);
    Ok(folder
        .join(package.replace('-', "_"))
        .with_extension("wasm"))
}

/// Flags for the compiler.
///
/// Scalar floats and 128-bit vectors only: relaxed SIMD may round differently on each processor.
fn rustflags(workspace: &Workspace) -> Vec<String> {
    let mut flags = vec![
        "-Ctarget-feature=+simd128".to_owned(),
        // The pass makes pointers of its own out of base and constant offset, which WebAssembly's
        // loads would add for nothing: kernels are a tenth slower with it.
        "-Cllvm-args=-disable-lsr".to_owned(),
        "--cfg=getrandom_backend=\"wasm_js\"".to_owned(),
    ];
    // Panic messages name source files: without this, each machine would build another module.
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    flags.extend(cargo_home().map(|home| remap(&home, "cargo")));
    flags.push(remap(workspace.root(), "tabsweep"));
    flags
}

fn cargo_home() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

fn inputs(
    workspace: &Workspace,
    toolchain: Toolchain,
    package: &str,
) -> Result<Inputs, ProcessError> {
    let root = workspace.root();
    let mut paths: Vec<PathBuf> = workspace.folders_behind(package).into_iter().collect();
    paths.extend([root.join("Cargo.toml"), root.join("Cargo.lock")]);
    let mut texts = rustflags(workspace);
    texts.push(toolchain.identity()?);
    Ok(Inputs { texts, paths })
}

fn bind(compiled: &Path, module: &Module) -> Result<(), WasmError> {
    let emptied = match fs::remove_dir_all(&module.folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    emptied.map_err(|source| WasmError::Folder {
        folder: module.folder.clone(),
        source,
    })?;
    generated(compiled, module).map_err(|reason| WasmError::Bindings {
        module: compiled.to_owned(),
        reason,
    })
}

fn generated(compiled: &Path, module: &Module) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name(module.bindings)
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .typescript(true)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate(&module.folder)
        })
        .map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_rounds_differently_is_compiled_in() {
        let flags = rustflags(&Workspace::found().unwrap());
        assert!(flags.contains(&"-Ctarget-feature=+simd128".to_owned()));
        let text = flags.join(" ");
        assert!(
            !text.contains("relaxed") && !text.contains("atomics"),
            "{text}"
        );
    }
}
