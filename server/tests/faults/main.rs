//! The real server in real trouble, under the load of simulated volunteers: killed, out of disk,
//! without its database, one of several. What it has acknowledged must be there afterwards, once, and
//! no trial may be lost.
//!
//! These take minutes, so plain `cargo test` leaves them out; `cargo xtask test` runs them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod bucket;
mod disk;
mod kills;
mod outage;
mod peers;
mod support;
