//! What is decided about a sweep: which setting comes next, who may work on it and for how long,
//! when a trial has ended, who leads. Pure: no clock, no network, no files, no global randomness;
//! time and seeds are arguments.

mod chunk;
mod event;
mod importance;
mod job;
mod lease;
mod median;
mod objective;
mod order;
mod pruner;
mod ranking;
mod rung;
mod sampler;
mod space;
mod study;
mod time;
mod timeline;
mod trial;
mod unit;

pub use chunk::{Chunk, ChunkState, Judged, Opinion, Settled, Submitted};
pub use event::{Event, EventKind};
pub use importance::importance;
pub use job::{ChunkSize, JobState, cut, known_pictures};
pub use lease::{Grant, Lease, LeasePolicy, Presence};
pub use objective::{Direction, Objective};
pub use pruner::{Asha, Hyperband, Median, Pruner, PrunerError};
pub use ranking::{Standing, rank};
pub use rung::Rung;
pub use sampler::{
    Finished, Grid, GridError, GridSampler, History, RandomSampler, Rest, Sampler, SamplerKind,
    SobolSampler, TpeSampler, sampler, trial_seed,
};
pub use space::{
    Choices, ConditionError, Conditions, Distribution, FloatRange, InactiveError, IntRange,
    Parameter, Space, SpaceError,
};
pub use study::{Budget, Extension, Study, StudyState};
pub use time::Timestamp;
pub use timeline::{Bracket, Curve, Timeline};
pub use trial::{
    Checkpoint, Pending, Rested, Scores, TransitionError, Trial, TrialState, Verified,
};
