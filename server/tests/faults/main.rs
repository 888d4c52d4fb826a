//! The real server in real trouble, under the load of simulated volunteers: killed, out of disk. What
//! it has acknowledged must be there afterwards, once, and no trial may be lost.
//!
//! These take minutes, so plain `cargo test` leaves them out; `cargo xtask test` runs them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod disk;
mod kills;
mod support;
