//! A chunk of pictures in a worker's hands: how far it is, and how its answers get to the server.

use tabsweep_protocol::{LabelLease, LabelProgress, Labelled, Sha256, WorkerMessage};

use crate::{Action, Labelling, Upload, backoff::Backoff, meter::Meter};

/// A chunk in hand.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) lease: Box<LabelLease>,
    pub(crate) stage: Stage,
    labelled: u32,
    meter: Meter,
    upload_backoff: Backoff,
}

/// How far it is, in order of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Model and pictures are on their way.
    Preparing,
    /// Pictures are labelled.
    Labelling,
    /// The answers are on their way.
    Uploading { retry_at_millis: Option<u64> },
    /// The server can be told of the uploaded answers.
    Claiming { answers_sha256: Sha256 },
}

impl Chunk {
    pub(crate) fn new(lease: Box<LabelLease>, now_millis: u64, backoff: Backoff) -> Self {
        Self {
            meter: Meter::new(lease.progress_secs, now_millis),
            lease,
            stage: Stage::Preparing,
            labelled: 0,
            upload_backoff: backoff,
        }
    }

    pub(crate) fn shown(&self) -> Labelling {
        Labelling {
            job: self.lease.job,
            job_name: self.lease.job_name.clone(),
            chunk: self.lease.chunk,
            attempt: self.lease.attempt,
            labelled: self.labelled,
            pictures: self.lease.pictures,
            images_per_sec: self.meter.per_sec(),
        }
    }

    /// Whether all pictures are labelled: what is ready is claimed, whatever the server said meanwhile.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Uploading { .. } | Stage::Claiming { .. })
    }

    pub(crate) fn prepared(&mut self, now_millis: u64) {
        if self.stage == Stage::Preparing {
            self.meter.restart(now_millis);
            self.stage = Stage::Labelling;
        }
    }

    /// So many pictures are labelled in all; after the last the answers go out.
    pub(crate) fn labelled(&mut self, labelled: u32) -> Option<Action> {
        if self.stage != Stage::Labelling {
            return None;
        }
        self.meter.add(labelled.saturating_sub(self.labelled));
        self.labelled = labelled;
        (labelled >= self.lease.pictures).then(|| {
            self.stage = Stage::Uploading {
                retry_at_millis: None,
            };
            Action::Upload(Upload::Answers)
        })
    }

    pub(crate) fn uploaded(&mut self, answers_sha256: Sha256) {
        if matches!(self.stage, Stage::Uploading { .. }) {
            self.stage = Stage::Claiming { answers_sha256 };
        }
    }

    pub(crate) fn upload_failed(&mut self, now_millis: u64) {
        if let Stage::Uploading { retry_at_millis } = &mut self.stage {
            *retry_at_millis = Some(now_millis + self.upload_backoff.next_millis());
        }
    }

    /// What is to be said of finished answers.
    pub(crate) fn claim(&self) -> Option<Action> {
        let Stage::Claiming { answers_sha256 } = &self.stage else {
            return None;
        };
        Some(Action::Send(WorkerMessage::Labelled(Labelled {
            lease: self.lease.token.clone(),
            answers_sha256: answers_sha256.clone(),
        })))
    }

    pub(crate) fn report(&mut self, is_up: bool, now_millis: u64) -> Option<Action> {
        let is_due = self.meter.is_due(now_millis);
        (is_due && is_up).then(|| {
            Action::Send(WorkerMessage::LabelProgress(LabelProgress {
                lease: self.lease.token.clone(),
                labelled: self.labelled,
                images_per_sec: self.meter.per_sec(),
            }))
        })
    }

    pub(crate) fn upload_if_due(&mut self, now_millis: u64) -> Option<Action> {
        let Stage::Uploading { retry_at_millis } = &mut self.stage else {
            return None;
        };
        retry_at_millis.take_if(|at| *at <= now_millis)?;
        Some(Action::Upload(Upload::Answers))
    }
}
