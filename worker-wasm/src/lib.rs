//! The browser's shell around volunteer and trainer: sockets, fetches, and giving the event loop
//! its turn. The classifier is here too, so that a page needs one wasm module.

mod arrival;
mod classifier;
mod http;
mod lender;
mod photo;
mod picture;
mod session;
mod slice;
mod socket;
mod turn;

pub use classifier::Classifier;
pub use lender::Lender;
pub use photo::{PhotoClassifier, PhotoLabel};
pub use picture::{PictureError, digit};
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

/// Finds the digit in a picture and brings it into MNIST's form: 28×28, white on black. `rgba` is
/// `[height, width, 4]`.
///
/// # Errors
/// There is nothing in the picture, or its size is not that of its bytes.
#[wasm_bindgen]
pub fn digit_from_picture(rgba: &[u8], width: usize, height: usize) -> Result<Vec<u8>, JsError> {
    Ok(picture::digit(rgba, width, height)?.to_vec())
}
