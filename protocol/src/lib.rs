//! What a worker and the server say to each other over the WebSocket, and the names both use.
//! Types and their JSON only: no sockets, no clock, no policy.

mod id;
mod labelling;
pub mod limits;
mod message;
mod parameter;

pub use id::{
    ChunkNumber, IdError, JobId, LeaseToken, Numerics, Seed, Sha256, StudyId, TrialNumber,
    VolunteerId, WorkerId,
};
pub use labelling::{
    Answer, Answers, Label, LabelLease, LabelModel, LabelProgress, LabelVerdict, Labelled,
    PackError, pack,
};
pub use message::{
    BlobRef, CheckpointRef, Claim, ClaimAnswer, DataRef, Epoch, Finished, Hello, Lease,
    MessageError, NoWork, NoWorkReason, Outcome, Paused, Progress, Release, ReleaseReason,
    ServerMessage, Stop, StopReason, Verdict, Welcome, WorkerMessage,
};
pub use parameter::{Parameters, Value};

/// Version of the messages in this crate. Raised when an old worker could misunderstand.
pub const VERSION: u32 = 2;

/// The WebSocket subprotocol that carries [`VERSION`] (RFC 6455, section 1.9).
pub const SUBPROTOCOL: &str = "tabsweep.v2";

/// Names the sources that workers compute with; equal for native and wasm builds of one checkout.
pub const BUILD: &str = env!("TABSWEEP_BUILD");
