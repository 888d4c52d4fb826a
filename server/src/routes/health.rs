//! Whether the server works, and what everybody should know about it.

use axum::{Json, extract::State};
use serde::Serialize;
use tabsweep_protocol::{BUILD, VERSION};

use crate::{app::SharedApp, datasets::SYNTHETIC_DIGITS, problem::Problem};

/// How the server is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Always `ok`; a server that is not answers with a problem.
    status: &'static str,
    /// Version of the program.
    version: &'static str,
    /// Version of the messages.
    protocol: u32,
    /// Build of the trainer.
    build: &'static str,
    /// What every page says loudly.
    notices: Vec<String>,
}

/// Whether the server and its database answer.
#[utoipa::path(get, path = "/api/health", operation_id = "health", tag = "health",
    responses((status = 200, body = Health), (status = 500, body = Problem)))]
pub(super) async fn health(State(app): State<SharedApp>) -> Result<Json<Health>, Problem> {
    app.store.check().await?;
    let studies = app.store.studies().await?;
    let is_synthetic = studies
        .iter()
        .any(|study| study.data.name == SYNTHETIC_DIGITS);
    let notices = if is_synthetic {
        vec![SYNTHETIC_NOTICE.to_owned()]
    } else {
        Vec::new()
    };
    Ok(Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        protocol: VERSION,
        build: BUILD,
        notices,
    }))
}

const SYNTHETIC_NOTICE: &str = "This server trains on synthetic digits, drawn by the program \
    itself, not on MNIST. Scores say nothing about MNIST.";
