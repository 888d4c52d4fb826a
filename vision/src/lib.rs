//! Pretrained models and pictures: from a bundle and an encoded picture to the likeliest labels.
//!
//! It knows no file, network, clock or thread, and runs native and in WebAssembly with the same bits:
//! pictures are decoded and resized by `tabsweep-picture`, layers computed by the trainer's kernels.
//!
//! A picture flows through the files in this order: a [`bundle`], as its [`description`] says;
//! [`photo_classifier`]; [`mobilenet`], a row of separable layers.

pub mod bundle;
pub mod description;
pub mod mobilenet;
pub mod photo_classifier;
mod separable;
mod stem;

pub use bundle::{Bundle, BundleError};
pub use description::{Architecture, Description, DescriptionError};
pub use mobilenet::MobileNet;
pub use photo_classifier::{ClassifyError, Guess, PhotoClassifier};
