//! The server in process: a real database, real sockets on loopback, a clock that the test moves,
//! and a worker that trains with the real trainer on a handful of images.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod blobs;
mod bundles;
mod claims;
mod clocks;
mod credit;
mod exports;
mod labelling;
mod leases;
mod limits;
mod numerics;
mod operator;
mod plots;
mod replay;
mod restart;
mod studies;
mod support;
