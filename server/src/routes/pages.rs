//! The pages, as files; they are built elsewhere. Headers keep everything foreign out.

use std::path::Path;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::get_service,
};
use tower_http::services::{ServeDir, ServeFile};

/// Nothing from other hosts, nothing inline; wasm may be compiled.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
    form-action 'self'";

/// Of what a browser has to be asked for, only the camera, and only by the pages themselves.
const PERMISSIONS_POLICY: &str = "camera=(self), microphone=(), geolocation=()";

/// Where files lie whose names hold hashes of what is in them.
const HASHED: [&str; 2] = ["/assets/", "/classify/"];

/// Pages and their assets from `folder`.
pub(super) fn router(folder: &Path) -> Router {
    let page = |name: &str| {
        get_service(
            ServeFile::new(folder.join(name))
                .precompressed_br()
                .precompressed_gzip(),
        )
    };
    let files = ServeDir::new(folder)
        .precompressed_br()
        .precompressed_gzip()
        .append_index_html_on_directories(true);
    Router::new()
        .route("/studies", page("studies.html"))
        .route("/studies/{id}", page("studies.html"))
        .route("/jobs", page("jobs.html"))
        .route("/jobs/{id}", page("jobs.html"))
        .route("/classify", page("classify.html"))
        .fallback_service(files)
        .layer(middleware::from_fn(headers))
}

async fn headers(request: axum::extract::Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_hashed = HASHED.iter().any(|folder| path.starts_with(folder));
    let mut response = next.run(request).await;
    let is_good = response.status().is_success();
    let cache = if is_hashed && is_good {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let fixed: [(HeaderName, &'static str); 8] = [
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-embedder-policy"),
            "require-corp",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            PERMISSIONS_POLICY,
        ),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
