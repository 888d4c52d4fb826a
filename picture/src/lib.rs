//! From an encoded picture to the pixels that a model looks at: the same in every browser and
//! natively.
//!
//! It knows no file, network or model: bytes come in, red, green and blue go out. Every step is done
//! with integers, so there is nothing that a processor could round in its own way.
//!
//! A picture flows through the files in this order: [`mod@decode`], by the file of its format, as a
//! raster that is put upright and on white paper; [`picture`]; [`resize`].

mod bmp;
pub mod decode;
mod exif;
mod jpeg;
pub mod picture;
mod png;
mod raster;
pub mod resize;
mod webp;

pub use decode::{DecodeError, Format, Limits, decode};
pub use picture::Picture;
pub use resize::{Filter, Resize};
