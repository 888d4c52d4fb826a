//! Exports read by the tools that they are for: ONNX Runtime, safetensors, pandas, Optuna and its
//! dashboard. `cargo xtask test` sets Python up and names it in `TABSWEEP_PYTHON`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod models;
mod studies;

use std::path::Path;
use std::process::Command;

/// Has the part `part` of `checks.py` look at what was written to `folder`.
fn check(part: &str, folder: &Path) {
    let python =
        std::env::var_os("TABSWEEP_PYTHON").expect("TABSWEEP_PYTHON names Python's program");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/checks.py");
    let status = Command::new(python)
        .arg(script)
        .arg(part)
        .arg(folder)
        .status();
    assert!(
        status.unwrap().success(),
        "{part}: Python's words stand above"
    );
}
