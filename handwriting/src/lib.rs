//! Finds handwritten digits in a picture, a drawing or a photo of paper, and brings each into MNIST's
//! form: cropped, fitted into 20×20, centred by mass in 28×28, white on black (LeCun et al.,
//! "Gradient-based learning applied to document recognition", 1998). It knows no files, no clock and
//! no model, and gives the same bytes natively and in WebAssembly.
//!
//! A picture flows through the files in this order: [`plane`], which all steps work on; `paper`, whose
//! shading is removed; `ink`, what stands out from it; `component`, ink that hangs together; `digit`,
//! components that belong together, in reading order; `form`, a digit as a model sees it.

mod component;
mod digit;
mod form;
mod ink;
mod paper;
pub mod plane;
mod reading;
mod stroke;
mod surface;

#[cfg(test)]
mod fixtures;

pub use form::{FITTED, SIDE};
pub use reading::{Area, Digit, Reading, ReadingError};
