//! Who asks: tokens from the `Authorization` header.

use axum::http::{HeaderMap, header};

use crate::{app::App, problem::Problem, secret::sha256_hex, store::Volunteer};

/// The token of `Authorization: Bearer TOKEN`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim)
        .ok_or_else(|| Problem::unauthorized("expected a header `Authorization: Bearer TOKEN`"))
}

/// Lets the operator pass.
pub(super) fn require_admin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    // Hashes are compared, so the time taken says nothing about the token.
    if sha256_hex(bearer(headers)?.as_bytes()) == app.admin_token_sha256 {
        Ok(())
    } else {
        Err(Problem::unauthorized(
            "this is not the admin token; it is in the state folder",
        ))
    }
}

/// The volunteer whose token this is.
pub(super) async fn require_volunteer(
    app: &App,
    headers: &HeaderMap,
) -> Result<Volunteer, Problem> {
    let token = sha256_hex(bearer(headers)?.as_bytes());
    let volunteer = app.store.volunteer_by_token(&token).await?;
    volunteer.ok_or_else(|| Problem::unauthorized("no volunteer has this token; register anew"))
}
