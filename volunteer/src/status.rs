//! What a page shows of one worker.

use serde::Serialize;
use tabsweep_protocol::{ChunkNumber, JobId, Parameters, StudyId, TrialNumber};

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerStatus {
    /// The socket.
    pub connection: Connection,
    /// What it does.
    #[serde(flatten)]
    pub activity: Activity,
    /// What it has done.
    pub counts: Counts,
}

/// A worker's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Being opened, or between two tries.
    Connecting,
    /// Open, and the server has answered.
    Open,
    /// Closed for good.
    Closed,
}

/// What a worker does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "activity", rename_all = "snake_case")]
pub enum Activity {
    /// Nothing, and why.
    Idle {
        /// Why.
        why: Idle,
    },
    /// It fetches what a trial needs.
    Preparing(Training),
    /// It trains.
    Training(Training),
    /// It uploads the result and waits for the server's answer.
    Claiming(Training),
    /// It labels pictures, from fetching them to handing in their labels.
    Labelling(Labelling),
}

/// Why a worker does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// The server can't be reached yet.
    Connecting,
    /// The server has been asked for work.
    Asking,
    /// No study has been created yet.
    NoStudy,
    /// All trials have ended.
    AllFinished,
    /// The operator holds all studies that have work left.
    Paused,
    /// What is left is with other workers.
    AllLeased,
    /// The volunteer's claims did not match.
    NotTrusted,
    /// The server can't write.
    ServerTrouble,
    /// A trial could not be started here; another try follows.
    Failed,
    /// Stopped by the volunteer.
    Stopped,
    /// The server runs another build.
    Outdated,
}

/// A trial in a worker's hands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Training {
    /// Its study.
    pub study: StudyId,
    /// The study's name.
    pub study_name: String,
    /// Its number.
    pub trial: TrialNumber,
    /// 1 for the first worker that trains it.
    pub attempt: u32,
    /// Its setting.
    pub parameters: Parameters,
    /// Optimiser steps done.
    pub step: u64,
    /// Optimiser steps in the whole trial; 0 until known.
    pub steps: u64,
    /// Optimiser steps in an epoch; 0 until known.
    pub steps_per_epoch: u64,
    /// Loss of the last batch, in nats.
    pub loss: Option<f32>,
    /// Speed over the last seconds.
    pub images_per_sec: f32,
    /// Share of the validation images classified rightly after the last epoch.
    pub validation_score: Option<f64>,
}

/// A chunk of pictures in a worker's hands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Labelling {
    /// Its job.
    pub job: JobId,
    /// The job's name.
    pub job_name: String,
    /// Its place in the job.
    pub chunk: ChunkNumber,
    /// 1 for the first worker that labels it.
    pub attempt: u32,
    /// Pictures labelled.
    pub labelled: u32,
    /// Pictures in the chunk.
    pub pictures: u32,
    /// Speed over the last second.
    pub images_per_sec: f32,
}

/// What a worker has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Claims that the server took.
    pub claimed: u32,
    /// Claims of this volunteer that the server found right.
    pub verified: u32,
    /// Claims of this volunteer that the server found wrong.
    pub rejected: u32,
}
