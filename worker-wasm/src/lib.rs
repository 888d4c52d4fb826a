//! The browser's shell around volunteer and trainer: sockets, fetches, and giving the event loop
//! its turn. The classifier is here too, so that a page needs one wasm module.

mod arrival;
mod classifier;
mod handwriting;
mod http;
mod lender;
mod session;
mod slice;
mod socket;
mod turn;

pub use classifier::Classifier;
pub use handwriting::Handwriting;
pub use lender::Lender;
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
