//! A trial in a worker's hands: what has been reported of it, which upload is due, and how it ends.

use tabsweep_protocol::{
    CheckpointRef, Epoch, Finished, Lease, Outcome, Paused, Progress, WorkerMessage,
};

use crate::{Action, Training, Upload, Uploaded, backoff::Backoff, meter::Meter};

/// A trial in hand.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) lease: Box<Lease>,
    pub(crate) shown: Training,
    /// The last checkpoint that was uploaded under this lease.
    pub(crate) kept: Option<CheckpointRef>,
    /// Reports of epochs under this lease, in case the server did not live to store one.
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) meter: Meter,
    pub(crate) checkpoint_due_at_millis: u64,
    pub(crate) upload: UploadState,
    pub(crate) upload_backoff: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadState {
    None,
    UnderWay,
    RetryAt { millis: u64 },
}

/// How a trial ends in this worker's hands.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The bytes that the claim will name are on their way, scored by the last epoch's report.
    Uploading { upload: Upload, scored: Epoch },
    /// The claim can be made.
    Ready(Outcome),
}

impl Ending {
    pub(crate) fn waits_for(&self, wanted: Upload) -> bool {
        matches!(self, Self::Uploading { upload, .. } if *upload == wanted)
    }

    /// The claim that can be made now that these bytes have arrived, if they are what it waited for.
    pub(crate) fn outcome(&self, uploaded: Uploaded) -> Option<Outcome> {
        let Self::Uploading { upload, scored } = self else {
            return None;
        };
        if (uploaded.upload, uploaded.step) != (*upload, scored.step) {
            return None;
        }
        match upload {
            Upload::Weights => Some(Outcome::Finished(Finished {
                weights_sha256: uploaded.sha256,
                validation_correct: scored.validation_correct,
                validation_count: scored.validation_count,
            })),
            Upload::Checkpoint => Some(Outcome::Paused(Paused {
                epoch: scored.epoch,
                step: scored.step,
                state_sha256: uploaded.sha256,
                validation_correct: scored.validation_correct,
                validation_count: scored.validation_count,
            })),
            Upload::Answers => None,
        }
    }
}

impl Trial {
    pub(crate) fn new(lease: Box<Lease>, now_millis: u64, backoff: Backoff) -> Self {
        let shown = Training {
            study: lease.study,
            study_name: lease.study_name.clone(),
            trial: lease.trial,
            attempt: lease.attempt,
            parameters: lease.parameters.clone(),
            step: lease
                .checkpoint
                .as_ref()
                .map_or(0, |checkpoint| checkpoint.step),
            steps: 0,
            steps_per_epoch: 0,
            loss: None,
            images_per_sec: 0.0,
            validation_score: None,
        };
        Self {
            meter: Meter::new(lease.progress_secs, now_millis),
            lease,
            shown,
            kept: None,
            epochs: Vec::new(),
            checkpoint_due_at_millis: u64::MAX,
            upload: UploadState::None,
            upload_backoff: backoff,
        }
    }

    pub(crate) fn report(&mut self, is_up: bool, now_millis: u64) -> Option<Action> {
        let is_due = self.meter.is_due(now_millis);
        self.shown.images_per_sec = self.meter.per_sec();
        (is_due && is_up).then(|| {
            Action::Send(WorkerMessage::Progress(Progress {
                lease: self.lease.token.clone(),
                step: self.shown.step,
                steps: self.shown.steps,
                loss: self.shown.loss.unwrap_or(0.0),
                images_per_sec: self.shown.images_per_sec,
            }))
        })
    }

    pub(crate) fn upload_if_due(
        &mut self,
        upload: Upload,
        is_up: bool,
        now_millis: u64,
    ) -> Option<Action> {
        let is_due = match self.upload {
            UploadState::None => now_millis >= self.checkpoint_due_at_millis,
            UploadState::UnderWay => false,
            UploadState::RetryAt { millis } => now_millis >= millis,
        };
        (is_due && is_up).then(|| {
            self.upload = UploadState::UnderWay;
            Action::Upload(upload)
        })
    }
}
