//! What can happen to a worker, and what it can be told to do.

use tabsweep_protocol::{LabelLease, Lease, Sha256, WorkerMessage};

/// Something that happened. `now` travels beside it: see [`crate::Volunteer::handle`].
#[derive(Clone, Debug)]
pub enum Event {
    /// The socket is open.
    Opened,
    /// The socket brought a text.
    Received(String),
    /// The socket is closed, or could not be opened.
    Closed {
        /// Close code (RFC 6455, section 7.4).
        code: u16,
        /// The server's reason, or empty.
        reason: String,
    },
    /// What [`Action::Prepare`] asked for is there: training can begin.
    Prepared {
        /// Steps already contained in the checkpoint.
        step: u64,
        /// Steps in the whole trial.
        steps: u64,
        /// Steps in one epoch.
        steps_per_epoch: u64,
    },
    /// What [`Action::PrepareLabels`] asked for is there: labelling can begin.
    PicturesReady,
    /// The trial or chunk can't be prepared or worked on here.
    WorkFailed {
        /// Whether the network was at fault rather than the work.
        is_network: bool,
    },
    /// A slice of training has been done.
    Trained(Slice),
    /// A slice of labelling has been done.
    Labelled {
        /// Pictures labelled in all.
        pictures: u32,
    },
    /// An upload arrived.
    Uploaded(Uploaded),
    /// An upload did not arrive.
    UploadFailed {
        /// What it was.
        upload: Upload,
        /// Whether the server said no, so that trying again is useless.
        refused: bool,
    },
    /// Time has passed; expected several times a second.
    Tick,
    /// The volunteer wants it to end.
    Stop,
}

/// What came of a slice of training.
#[derive(Clone, Debug, PartialEq)]
pub enum Slice {
    /// Some steps, or a part of the scoring that ends an epoch.
    Steps {
        /// Optimiser steps done in all.
        step: u64,
        /// Loss of the last batch, in nats.
        loss: f32,
        /// Images trained on during the slice.
        images: u32,
    },
    /// An epoch has ended.
    Epoch {
        /// Epochs done.
        epoch: u32,
        /// Optimiser steps done in all.
        step: u64,
        /// Validation images classified rightly.
        validation_correct: u32,
        /// Validation images.
        validation_count: u32,
        /// Mean training loss over the epoch, in nats.
        mean_loss: f32,
        /// Hash of the checkpoint at this point.
        state_sha256: Sha256,
        /// Whether that was the last.
        is_last: bool,
    },
    /// The loss is no longer a number.
    Diverged {
        /// At which step.
        step: u64,
    },
}

/// What is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// All that is needed to go on elsewhere.
    Checkpoint,
    /// The result.
    Weights,
    /// The labels of a chunk.
    Answers,
}

/// An upload that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// What it was.
    pub upload: Upload,
    /// Optimiser steps that it contains; 0 for answers.
    pub step: u64,
    /// Its hash.
    pub sha256: Sha256,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open the socket; answered by `Opened` or `Closed`.
    Connect,
    /// Send a message.
    Send(WorkerMessage),
    /// Close the socket.
    Disconnect,
    /// Fetch data and checkpoint, set up training; answered by `Prepared` or `WorkFailed`.
    Prepare(Box<Lease>),
    /// Fetch model and pictures; answered by `PicturesReady` or `WorkFailed`.
    PrepareLabels(Box<LabelLease>),
    /// Export the present state, or the answers, and upload it with the lease's token; answered by `Uploaded` or
    /// `UploadFailed`.
    Upload(Upload),
    /// Forget the trial or chunk, whatever is under way for it.
    Forget,
    /// The server runs another build: fetch the program anew.
    Reload,
    /// The server does not know this volunteer: register anew, then start over.
    Register,
}
