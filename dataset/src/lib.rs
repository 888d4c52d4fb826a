//! What a data set is, and how it is parsed, split, drawn and encoded: bytes in, bytes out.
//! It deliberately knows no files, network, clock or global randomness; it builds natively and for wasm32.
//!
//! Every error's message is complete by itself: it holds the message of its cause, and has no `source` to follow.

pub mod blob;
pub mod gzip;
pub mod idx;
mod pen;
mod philox;
pub mod set;
pub mod split;
mod strokes;
pub mod synthetic;

pub use blob::{BlobError, sha256_hex};
pub use gzip::{GunzipError, maybe_gunzip};
pub use idx::{IdxError, IdxFile, IdxFiles};
pub use set::{DataSet, Images, Labelled, Labels, SetError};
pub use split::{Split, SplitError};
pub use synthetic::{SyntheticDigits, draw_digit};
