//! What is decided about a sweep: which setting comes next, who may work on it and for how long,
//! when a trial has ended, who leads. Pure: no clock, no network, no files, no global randomness;
//! time and seeds are arguments.

mod lease;
mod ranking;
mod sampler;
mod space;
mod study;
mod time;
mod trial;

pub use lease::{Grant, Lease, LeasePolicy, Presence};
pub use ranking::{Standing, rank};
pub use sampler::{Finished, History, RandomSampler, Sampler, SamplerKind, sampler, trial_seed};
pub use space::{Choices, Distribution, FloatRange, IntRange, Space, SpaceError};
pub use study::{Objective, Study, StudyState};
pub use time::Timestamp;
pub use trial::{Checkpoint, Pending, Scores, TransitionError, Trial, TrialState, Verified};
