//! Volunteers that do everything but train: real sockets, real uploads of real weights, the real
//! conversation, and a clock where the trainer would be. For measuring a server, and for killing it
//! under load.
//!
//! [`Load`] says how many workers do what, [`Simulation`] runs them, [`Figures`] is what they saw.

mod figures;
mod http;
mod load;
mod socket;
mod weights;
mod worker;

pub use figures::{Acknowledged, Figures, Quantiles, Report};
pub use http::HttpError;
pub use load::{Load, Simulation, TrialSecs};
pub use weights::WeightsError;
