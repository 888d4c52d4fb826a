//! The server: studies and trials handed out over WebSockets, results checked, pages served.
//! Decisions are `tabsweep_study`'s; here are the database, the sockets, HTTP and the disk.

pub mod app;
pub mod arrivals;
pub mod blobs;
pub mod bundles;
mod class_names;
pub mod client;
pub mod clock;
pub mod datasets;
pub mod exports;
mod http_client;
pub mod jobs;
pub mod labelling;
pub mod listener;
pub mod openapi;
pub mod operator;
mod pace;
pub mod peers;
pub mod plots;
mod problem;
pub mod results;
pub mod roster;
pub mod routes;
pub mod secret;
pub mod serve;
mod socket;
pub mod store;
pub mod studies;
pub mod study_file;
pub mod upkeep;
pub mod verification;
