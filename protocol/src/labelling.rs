//! What worker and server say about labelling jobs: a model, pictures cut into chunks, and the labels
//! that come back. Leases, claims' answers, releases and stops are those of trials.

use serde::{Deserialize, Serialize};

use crate::{BlobRef, ChunkNumber, JobId, LeaseToken, Numerics, Parameters, Sha256};

/// Pictures to label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelLease {
    /// Proves the right to this work, in messages and as `Authorization: Bearer` of uploads.
    pub token: LeaseToken,
    /// The job.
    pub job: JobId,
    /// The job's name, for people.
    pub job_name: String,
    /// Which of its chunks; the pictures are at `/api/jobs/{job}/chunks/{chunk}`.
    pub chunk: ChunkNumber,
    /// 1 for the first worker that labels this chunk.
    pub attempt: u32,
    /// The numeric contract of the answers; a worker of another gives the lease back.
    pub numerics: Numerics,
    /// The model.
    pub model: LabelModel,
    /// How many pictures the chunk has.
    pub pictures: u32,
    /// How many bytes they are fetched as.
    pub bytes: u64,
    /// How many labels each picture gets.
    pub top: u32,
    /// Silence after which the lease ends.
    pub lease_secs: u32,
    /// How often to report progress.
    pub progress_secs: u32,
}

/// The model of a labelling job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LabelModel {
    /// Verified weights of a trial.
    Trial {
        /// Its setting, which fixes the network's shape.
        parameters: Parameters,
        /// Number of classes.
        classes: u32,
        /// Rows of an image.
        height: u32,
        /// Columns of an image.
        width: u32,
        /// Its weights.
        weights: BlobRef,
    },
    /// A pretrained model.
    Bundle {
        /// The hash of its files' names and hashes.
        sha256: Sha256,
        /// Number of classes.
        classes: u32,
        /// Its `model.toml`.
        description: BlobRef,
        /// Its `labels.txt`.
        labels: BlobRef,
        /// Its `weights.safetensors`.
        weights: BlobRef,
    },
}

impl LabelModel {
    /// The hash by which the model is known.
    pub fn sha256(&self) -> &Sha256 {
        match self {
            Self::Trial { weights, .. } => &weights.sha256,
            Self::Bundle { sha256, .. } => sha256,
        }
    }

    /// What has to be fetched, in the order in which a classifier takes it.
    pub fn files(&self) -> Vec<&BlobRef> {
        match self {
            Self::Trial { weights, .. } => vec![weights],
            Self::Bundle {
                description,
                labels,
                weights,
                ..
            } => vec![description, labels, weights],
        }
    }

    /// How many classes it tells apart.
    pub fn classes(&self) -> u32 {
        match self {
            Self::Trial { classes, .. } | Self::Bundle { classes, .. } => *classes,
        }
    }
}

/// How labelling goes; the heartbeat that keeps the lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelProgress {
    /// The lease.
    pub lease: LeaseToken,
    /// Pictures labelled.
    pub labelled: u32,
    /// Speed since the last report.
    pub images_per_sec: f32,
}

/// All pictures of the chunk are labelled, and the [`Answers`] uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// The lease.
    pub lease: LeaseToken,
    /// The uploaded answers.
    pub answers_sha256: Sha256,
}

/// What the server found when it checked a chunk's labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelVerdict {
    /// The job.
    pub job: JobId,
    /// The chunk.
    pub chunk: ChunkNumber,
    /// Whether the labels are what the server or somebody else computed.
    pub verified: bool,
    /// What did not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a model says of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The likeliest classes, best first.
    Labels(Vec<Label>),
    /// Why the picture can't be looked at.
    Unreadable(String),
}

/// A class and how likely it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The class, counted from 0.
    pub class: u32,
    /// Its probability.
    pub score: f32,
}

/// The answers of a chunk, in the order of its pictures. Their JSON is what workers upload: equal
/// answers are equal bytes, so that they can be compared by hash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers(pub Vec<Answer>);

impl Answers {
    /// The answers as they are uploaded. Scores are written with as many digits as give back their
    /// bits.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("answers hold nothing that JSON can't")
    }

    /// Reads uploaded answers.
    ///
    /// # Errors
    /// They are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Why bytes are no pack of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pack of pictures ends in the middle of picture {picture}")]
pub struct PackError {
    /// Which picture, from 0.
    pub picture: usize,
}

/// Many pictures in one body: each preceded by its length, four bytes, the least significant first.
pub mod pack {
    use super::PackError;

    const LENGTH_BYTES: usize = 4;

    /// Adds a picture at the end.
    ///
    /// # Panics
    /// If it has 4 GiB or more.
    pub fn push(pack: &mut Vec<u8>, picture: &[u8]) {
        let length = u32::try_from(picture.len()).expect("pictures are below 4 GiB");
        pack.extend_from_slice(&length.to_le_bytes());
        pack.extend_from_slice(picture);
    }

    /// Bytes of a pack of `count` pictures of `bytes` bytes together.
    pub fn bytes(count: u64, bytes: u64) -> u64 {
        count * LENGTH_BYTES as u64 + bytes
    }

    /// The pictures, in order.
    ///
    /// # Errors
    /// The last one is not whole.
    pub fn split(mut pack: &[u8]) -> Result<Vec<&[u8]>, PackError> {
        let mut pictures = Vec::new();
        while !pack.is_empty() {
            let picture = pictures.len();
            let (length, rest) = pack
                .split_first_chunk::<LENGTH_BYTES>()
                .ok_or(PackError { picture })?;
            let length = u32::from_le_bytes(*length) as usize;
            let (bytes, rest) = rest.split_at_checked(length).ok_or(PackError { picture })?;
            pictures.push(bytes);
            pack = rest;
        }
        Ok(pictures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_come_back_to_the_bit() {
        let scores = [0.1_f32, 1.0 / 3.0, f32::MIN_POSITIVE, 0.999_999_94, 0.0];
        let labels = scores.map(|score| Label { class: 7, score });
        let unreadable = Answer::Unreadable("no picture".to_owned());
        let answers = Answers(vec![Answer::Labels(labels.to_vec()), unreadable]);
        let read = Answers::decode(&answers.encode()).unwrap();
        assert_eq!(read, answers);
        assert_eq!(read.encode(), answers.encode());
        assert!(Answers::decode(br#"[{"labels":[{"class":1}]}]"#).is_err());
    }

    #[test]
    fn packs_come_apart_where_they_were_joined() {
        let mut bytes = Vec::new();
        for picture in [&b"seven"[..], b"", b"eight"] {
            pack::push(&mut bytes, picture);
        }
        assert_eq!(pack::bytes(3, 10), bytes.len() as u64);
        let pictures = pack::split(&bytes).unwrap();
        assert_eq!(pictures, [&b"seven"[..], b"", b"eight"]);
        for end in [3, 6, bytes.len() - 1] {
            let picture = usize::from(end > 9) * 2;
            assert_eq!(pack::split(&bytes[..end]), Err(PackError { picture }));
        }
    }
}
