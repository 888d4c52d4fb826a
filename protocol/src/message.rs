//! The messages, in the order in which a conversation uses them. Each is one JSON object whose
//! `type` names it; unknown types and unknown fields are errors.

use serde::{Deserialize, Serialize};

use crate::{
    LabelLease, LabelProgress, LabelVerdict, Labelled, LeaseToken, Numerics, Parameters, Seed,
    Sha256, StudyId, TrialNumber, VolunteerId, WorkerId,
};

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkerMessage {
    /// First message of a socket: who speaks, and which lease it still holds.
    Hello(Hello),
    /// The worker has no lease and wants one. Answered by a lease or by `no_work`; after `no_work`
    /// the server sends a lease by itself as soon as there is one.
    Ready {},
    /// How training goes; the heartbeat that keeps the lease.
    Progress(Progress),
    /// An epoch has been trained and scored.
    Epoch(Epoch),
    /// A checkpoint has been uploaded: from now on a lost worker costs only what came after.
    Checkpoint(CheckpointRef),
    /// The trial has ended.
    Claim(Claim),
    /// How labelling goes; the heartbeat that keeps the lease.
    LabelProgress(LabelProgress),
    /// A chunk of pictures has been labelled. Answered like a claim.
    Labelled(Labelled),
    /// The worker gives its lease back unfinished.
    Release(Release),
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ServerMessage {
    /// The answer to `hello`.
    Welcome(Welcome),
    /// Work: a trial to train.
    Lease(Box<Lease>),
    /// Work: pictures to label.
    LabelLease(Box<LabelLease>),
    /// There is none now, and why.
    NoWork(NoWork),
    /// What became of a claim when it arrived; its checking takes a while longer.
    ClaimAnswer(ClaimAnswer),
    /// What the server found when it checked a claim of this volunteer.
    Verdict(Verdict),
    /// What the server found when it checked the labels of a chunk.
    LabelVerdict(LabelVerdict),
    /// The lease is no longer the worker's.
    Stop(Stop),
}

/// See [`WorkerMessage::Hello`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`crate::VERSION`] of the worker.
    pub protocol: u32,
    /// [`crate::BUILD`] of the worker.
    pub build: String,
    /// The volunteer's secret.
    pub volunteer_token: String,
    /// The same at each reconnection.
    pub worker: WorkerId,
    /// The lease that this worker holds and wants to go on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<LeaseToken>,
}

/// See [`ServerMessage::Welcome`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// [`crate::VERSION`] of the server.
    pub protocol: u32,
    /// [`crate::BUILD`] of the server.
    pub build: String,
    /// Whom the server takes the speaker for.
    pub volunteer: VolunteerId,
    /// Whether the lease named in `hello` is still this worker's. If not, its work is dropped.
    pub resumed: bool,
    /// Longest silence that the server tolerates before a lease is in danger.
    pub heartbeat_secs: u32,
}

/// A blob at `/api/blobs/{sha256}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    /// Its name and checksum.
    pub sha256: Sha256,
    /// Its size, unpacked.
    pub bytes: u64,
}

/// The images that a trial trains on and scores itself with; safetensors with `images`
/// u8 `[n, height, width]` and `labels` u8 `[n]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DataRef {
    /// Name of the data set.
    pub name: String,
    /// Number of classes.
    pub classes: u32,
    /// Training images.
    pub training: BlobRef,
    /// Validation images.
    pub validation: BlobRef,
}

/// A state to go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckpointRef {
    /// The lease under which it was made.
    pub lease: LeaseToken,
    /// Optimiser steps that it contains.
    pub step: u64,
    /// Its blob.
    pub sha256: Sha256,
}

/// See [`ServerMessage::Lease`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Proves the right to this work, in messages and as `Authorization: Bearer` of uploads.
    pub token: LeaseToken,
    /// The study.
    pub study: StudyId,
    /// The study's name, for people.
    pub study_name: String,
    /// The trial.
    pub trial: TrialNumber,
    /// 1 for the first worker that trains this trial.
    pub attempt: u32,
    /// The setting to train.
    pub parameters: Parameters,
    /// Where all randomness of the trial comes from.
    pub seed: Seed,
    /// The numeric contract that the trial is trained under; a worker of another gives it back.
    pub numerics: Numerics,
    /// What to train on.
    pub data: DataRef,
    /// Where to go on; from the beginning where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointRef>,
    /// Silence after which the lease ends.
    pub lease_secs: u32,
    /// How often to report progress.
    pub progress_secs: u32,
    /// How often to upload a checkpoint.
    pub checkpoint_secs: u32,
    /// Epochs, counted from the trial's beginning, after which the worker uploads a checkpoint and
    /// claims `paused` instead of training on; where the trial ends before that, or this is absent,
    /// it trains to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<u32>,
}

/// Why there is no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoWorkReason {
    /// No study has been created yet.
    NoStudy,
    /// All trials of all studies have ended.
    AllFinished,
    /// The operator holds all studies that have work left.
    Paused,
    /// Every trial that is left is with another worker or being checked.
    AllLeased,
    /// Claims of this volunteer did not match what the server found.
    NotTrusted,
    /// The server can't write: its disk is full or its database is away.
    ServerTrouble,
}

/// See [`ServerMessage::NoWork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoWork {
    /// Why there is none.
    pub reason: NoWorkReason,
}

/// See [`WorkerMessage::Progress`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The lease.
    pub lease: LeaseToken,
    /// Optimiser steps done.
    pub step: u64,
    /// Optimiser steps in the whole trial.
    pub steps: u64,
    /// Loss of the last batch, in nats.
    pub loss: f32,
    /// Training speed since the last report.
    pub images_per_sec: f32,
}

/// See [`WorkerMessage::Epoch`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// The lease.
    pub lease: LeaseToken,
    /// Epochs done, from 1.
    pub epoch: u32,
    /// Optimiser steps done.
    pub step: u64,
    /// Validation images classified rightly.
    pub validation_correct: u32,
    /// Validation images.
    pub validation_count: u32,
    /// Mean training loss over the epoch, in nats, as far as this worker trained it.
    pub mean_loss: f32,
    /// Hash of the checkpoint at this point.
    pub state_sha256: Sha256,
}

/// See [`WorkerMessage::Claim`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The lease.
    pub lease: LeaseToken,
    /// How the trial ended.
    pub outcome: Outcome,
}

/// How a trial ended, in the worker's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// All epochs are done and the weights uploaded.
    Finished(Finished),
    /// The epoch named by the lease's `stops_at` is done and the checkpoint uploaded.
    Paused(Paused),
    /// The loss is no longer a number.
    Diverged {
        /// The step at which that was seen.
        step: u64,
    },
}

/// See [`Outcome::Finished`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// The uploaded weights.
    pub weights_sha256: Sha256,
    /// Validation images classified rightly.
    pub validation_correct: u32,
    /// Validation images.
    pub validation_count: u32,
}

/// See [`Outcome::Paused`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// Epochs done.
    pub epoch: u32,
    /// Optimiser steps done.
    pub step: u64,
    /// The uploaded checkpoint.
    pub state_sha256: Sha256,
    /// Validation images classified rightly.
    pub validation_correct: u32,
    /// Validation images.
    pub validation_count: u32,
}

/// See [`ServerMessage::ClaimAnswer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimAnswer {
    /// The lease under which the claim was made.
    pub lease: LeaseToken,
    /// Whether the server took it for checking. It has then been stored.
    pub taken: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// See [`ServerMessage::Verdict`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The study.
    pub study: StudyId,
    /// The trial.
    pub trial: TrialNumber,
    /// Whether what the server computed agrees with the claim.
    pub verified: bool,
    /// Score on the validation images as the server computed it, a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_score: Option<f64>,
    /// What did not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// See [`WorkerMessage::Release`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The lease.
    pub lease: LeaseToken,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why a worker gives a lease back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The volunteer pressed stop.
    Stopped,
    /// The trial could not be started or trained here.
    Failed,
    /// The trainer here computes by another numeric contract than the lease names.
    OtherNumerics,
}

/// See [`ServerMessage::Stop`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The lease.
    pub lease: LeaseToken,
    /// Why.
    pub reason: StopReason,
}

/// Why a lease ended before its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The server has given the trial to somebody else, or it has ended.
    LeaseLost,
    /// Other settings do better at this point: the trial is stopped for good.
    Pruned,
    /// The operator has ended the study or asked for the trial from the beginning.
    Cancelled,
}

/// A text that is no message of this protocol: what was wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("not a message of protocol version {version}: {source}", version = crate::VERSION)]
pub struct MessageError {
    source: serde_json::Error,
}

macro_rules! json_message {
    ($name:ident) => {
        impl $name {
            /// Parses one message.
            ///
            /// # Errors
            /// The text is not JSON, or names an unknown type or field, or lacks one.
            pub fn decode(text: &str) -> Result<Self, MessageError> {
                serde_json::from_str(text).map_err(|source| MessageError { source })
            }

            /// The message as JSON.
            pub fn encode(&self) -> String {
                serde_json::to_string(self).expect("messages hold nothing that JSON can't")
            }
        }
    };
}

json_message!(WorkerMessage);
json_message!(ServerMessage);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_types_and_fields_are_errors() {
        let ready = WorkerMessage::decode(r#"{"type":"ready"}"#).unwrap();
        assert_eq!(ready, WorkerMessage::Ready {});
        for wrong in [
            "",
            "{}",
            r#"{"type":"dance"}"#,
            r#"{"type":"ready","please":true}"#,
            r#"{"type":"claim","lease":"00000000000000000000000000000000","outcome":{"kind":"diverged","step":1,"more":1}}"#,
            r#"{"type":"checkpoint","lease":"1","step":1,"sha256":""}"#,
            r#"{"type":"release","lease":"00000000000000000000000000000000","reason":"stopped","more":1}"#,
        ] {
            assert!(WorkerMessage::decode(wrong).is_err(), "{wrong}");
        }
    }
}
