//! Lends a computer without a browser: native threads around the same volunteer and the same trainer
//! as in a tab. Decides how bytes travel and where they are kept, never when to connect, train or
//! upload.
//!
//! A worker flows through the files in this order: [`Address`], where the server is;
//! [`registration`], who lends; [`crew`], all workers of the process; `lender`, one of them, with its
//! `socket`, its `data` by `http` and its `slice` of training, or its `labels`; `display`, what the
//! terminal shows.

mod address;
pub mod crew;
mod data;
mod display;
mod http;
mod labels;
mod lender;
pub mod registration;
mod slice;
mod socket;

pub use address::{Address, AddressError};
pub use crew::{Crew, Options, WorkError};
pub use http::HttpError;
