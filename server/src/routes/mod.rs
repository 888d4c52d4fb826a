//! HTTP: the only place with status codes. One file a noun.

mod auth;
mod blobs;
mod bundles;
mod events;
mod exports;
mod health;
mod jobs;
mod labels;
mod models;
mod pages;
mod pictures;
mod plots;
mod reproduction;
mod studies;
mod trials;
mod uploads;
mod volunteers;

use std::path::Path;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    routing::{any, get},
};
use tabsweep_protocol::limits::UPLOAD_BYTES;
use tower_http::compression::CompressionLayer;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use crate::{app::SharedApp, problem::Problem, socket};
use exports::PagesFolder;
pub use volunteers::VolunteerName;

/// Longest study file, in bytes.
const STUDY_FILE_BYTES: usize = 256 * 1024;

/// The documented part of the API.
pub fn api() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(studies::list, studies::create))
        .routes(routes!(studies::show, studies::change))
        .routes(routes!(studies::importance))
        .routes(routes!(trials::leaderboard))
        .routes(routes!(trials::list, trials::enqueue))
        .routes(routes!(trials::show))
        .routes(routes!(trials::requeue))
        .routes(routes!(reproduction::show))
        .routes(routes!(events::events))
        .routes(routes!(plots::trials))
        .routes(routes!(plots::curves))
        .routes(routes!(plots::work))
        .routes(routes!(exports::safetensors))
        .routes(routes!(exports::onnx))
        .routes(routes!(exports::page))
        .routes(routes!(exports::csv))
        .routes(routes!(exports::json_lines))
        .routes(routes!(exports::optuna))
        .routes(routes!(models::list))
        .routes(routes!(bundles::list, bundles::add).layer(DefaultBodyLimit::max(bundles::BYTES)))
        .routes(routes!(bundles::remove))
        .routes(routes!(models::show))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::create).layer(DefaultBodyLimit::max(UPLOAD_BYTES)))
        .routes(routes!(jobs::show, jobs::change))
        .routes(routes!(jobs::chunk))
        .routes(routes!(labels::list))
        .routes(routes!(labels::classes))
        .routes(routes!(labels::results))
        .routes(routes!(labels::picture))
        .routes(routes!(pictures::missing).layer(DefaultBodyLimit::max(UPLOAD_BYTES)))
        .routes(routes!(pictures::upload).layer(DefaultBodyLimit::max(UPLOAD_BYTES)))
        .routes(routes!(volunteers::board, volunteers::register))
        .routes(routes!(volunteers::me))
        .routes(routes!(blobs::show))
        .routes(routes!(uploads::upload))
}

/// Everything that the server answers. Pages come from the folder `pages`.
pub fn router(app: SharedApp, pages: &Path) -> Router {
    let (api, document) = api().split_for_parts();
    let document = crate::openapi::finish(document);
    api.route("/api/openapi.json", get(async || axum::Json(document)))
        .route("/api/work", get(socket::upgrade))
        .route("/api/{*rest}", any(no_route))
        .layer(DefaultBodyLimit::max(STUDY_FILE_BYTES))
        .layer(CompressionLayer::new().gzip(true))
        .layer(Extension(PagesFolder(pages.to_owned())))
        .with_state(app)
        .merge(pages::router(pages))
}

async fn no_route() -> Problem {
    Problem::not_found("no such address; see /api/openapi.json")
}
