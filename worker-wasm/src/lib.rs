//! The browser's shell around volunteer and trainer: sockets, fetches, and giving the event loop
//! its turn. The classifier is here too, so that a page needs one wasm module.

mod arrival;
mod classifier;
mod handwriting;
mod http;
mod labels;
mod lender;
mod pacing;
mod photo;
mod preparation;
mod scored;
mod session;
mod slice;
mod socket;
mod turn;

pub use classifier::Classifier;
pub use handwriting::Handwriting;
pub use lender::Lender;
pub use photo::{PhotoClassifier, PhotoLabel};
pub use session::Session;
use wasm_bindgen::prelude::*;

/// Runs once when the module starts: panics then say where and why on the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Names the sources that this module was built from.
#[wasm_bindgen]
pub fn build() -> String {
    tabsweep_protocol::BUILD.to_owned()
}

/// The numeric contract of this module's trainer: only trials of the same one come out equal.
#[wasm_bindgen]
pub fn numerics() -> u32 {
    tabsweep_trainer::NUMERICS_VERSION
}

/// SHA-256 as 64 hexadecimal digits; browsers offer their own on https and localhost only.
#[wasm_bindgen]
pub fn sha256(bytes: &[u8]) -> String {
    tabsweep_trainer::sha256_hex(bytes)
}
