//! What the store promises, on SQLite and on PostgreSQL: one suite, and what only several servers on
//! one PostgreSQL can show.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod contract;
mod labelling;
mod outage;
mod servers;
mod support;
