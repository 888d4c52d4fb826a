//! A worker's side of the conversation, without I/O: something happens, and out comes what to do
//! about it. Whoever wraps this owns the socket, the clock, the uploads and the trainer.

mod backoff;
mod chunk;
mod conversation;
mod event;
mod meter;
mod status;
mod trial;

pub use conversation::{Identity, Volunteer};
pub use event::{Action, Event, Slice, Upload, Uploaded};
pub use status::{Activity, Connection, Counts, Idle, Labelling, Training, WorkerStatus};
