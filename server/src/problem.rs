//! Errors as `application/problem+json` (RFC 9457). Route files turn their own errors into this.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::store::StoreError;

/// An error for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Stable name of the kind of error.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what was expected.
    pub detail: String,
    /// Line of the offending text, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column of the offending text, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Problem {
    /// A problem of one kind.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl ToString,
    ) -> Self {
        let detail = detail.to_string();
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail,
            line: None,
            column: None,
        }
    }

    /// The same, pointing at a place in a text.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Something does not exist.
    pub fn not_found(detail: impl ToString) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is no such thing",
            detail,
        )
    }

    /// A token is missing or wrong.
    pub fn unauthorized(detail: impl ToString) -> Self {
        let title = "The request needs a token";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail)
    }

    /// The request itself is wrong.
    pub fn bad_request(detail: impl ToString) -> Self {
        let title = "The request can't be understood";
        Self::new(StatusCode::BAD_REQUEST, "bad_request", title, detail)
    }

    /// The disk is full.
    pub fn disk_full(detail: impl ToString) -> Self {
        let title = "The server's disk is full";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", title, detail)
    }

    /// The database, or where blobs are kept, can't be reached.
    pub fn unavailable(error: &dyn std::error::Error) -> Self {
        tracing::error!("{error}");
        let title = "The server can't reach its store";
        let detail = "nothing was changed; try again in a few seconds";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            title,
            detail,
        )
    }

    /// The server is at fault; the detail goes to its log, not to strangers.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!("{error}");
        let title = "The server could not do it";
        let detail = "the server's log says why; try again later";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NoTrial { .. }
            | StoreError::NoStudy { .. }
            | StoreError::NoJob { .. }
            | StoreError::NoBundle { .. } => Self::not_found(error),
            StoreError::BundleInUse { .. } => {
                Self::new(StatusCode::CONFLICT, "in_use", "The model is in use", error)
            }
            StoreError::JobEnded { .. } => Self::new(
                StatusCode::CONFLICT,
                "wrong_state",
                "The job is not where this can happen",
                error,
            ),
            StoreError::StudyFinished { .. } => Self::new(
                StatusCode::CONFLICT,
                "wrong_state",
                "The study is not where this can happen",
                error,
            ),
            StoreError::NoLease { .. } | StoreError::NotYourLease { .. } => {
                Self::unauthorized(error)
            }
            StoreError::OtherNumerics { .. }
            | StoreError::Transition { .. }
            | StoreError::ChunkChanged
            | StoreError::NotUploaded
            | StoreError::CopiedWeights => Self::new(
                StatusCode::CONFLICT,
                "wrong_state",
                "The trial is not where this can happen",
                error,
            ),
            StoreError::Database { .. } | StoreError::Commit { .. } if error.is_disk_full() => {
                tracing::error!("{error}");
                Self::disk_full("try again later; the operator has to make room")
            }
            StoreError::Database { .. } | StoreError::Commit { .. } if error.is_unavailable() => {
                Self::unavailable(&error)
            }
            StoreError::Database { .. }
            | StoreError::Commit { .. }
            | StoreError::NotPostgres
            | StoreError::Newer { .. }
            | StoreError::Migration { .. }
            | StoreError::Stored { .. } => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("made from a status");
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Json(self)).into_response()
    }
}
