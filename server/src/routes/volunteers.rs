//! Registering, and what one has contributed.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{VolunteerId, limits::NICKNAME_CHARS};

use super::auth::require_volunteer;
use crate::{
    app::SharedApp,
    problem::Problem,
    secret::{random_hex, sha256_hex},
};

/// A volunteer as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct VolunteerName {
    /// Id.
    pub id: VolunteerId,
    /// Nickname, not unique.
    pub nickname: String,
}

impl From<(VolunteerId, String)> for VolunteerName {
    fn from((id, nickname): (VolunteerId, String)) -> Self {
        Self { id, nickname }
    }
}

/// What a volunteer registers with.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// At most 40 characters; empty for none.
    #[serde(default)]
    nickname: String,
}

/// A new volunteer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Registered {
    /// Id.
    id: VolunteerId,
    /// Nickname.
    nickname: String,
    /// Proves in future that it is the same volunteer; told only once.
    token: String,
}

/// What a volunteer has contributed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Contribution {
    /// Id.
    id: VolunteerId,
    /// Nickname.
    nickname: String,
    /// Trials finished and found right.
    verified: u32,
    /// Claims found wrong.
    rejected: u32,
    /// Trials in hand.
    running: u32,
}

/// Registers a volunteer.
#[utoipa::path(post, path = "/api/volunteers", operation_id = "register_volunteer", tag = "volunteers", request_body = Registration,
    responses((status = 201, body = Registered), (status = 400, body = Problem)))]
pub(super) async fn register(
    State(app): State<SharedApp>,
    body: Result<Json<Registration>, axum::extract::rejection::JsonRejection>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let Json(registration) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let nickname = nickname(&registration.nickname)?;
    let token = random_hex(16);
    let token_sha256 = sha256_hex(token.as_bytes());
    let id = app
        .store
        .add_volunteer(&nickname, &token_sha256, app.clock.now())
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(Registered {
            id,
            nickname,
            token,
        }),
    ))
}

/// What the volunteer with this token has contributed.
#[utoipa::path(get, path = "/api/volunteers/me", operation_id = "show_contribution", tag = "volunteers",
    responses((status = 200, body = Contribution), (status = 401, body = Problem)))]
pub(super) async fn me(
    State(app): State<SharedApp>,
    headers: HeaderMap,
) -> Result<Json<Contribution>, Problem> {
    let volunteer = require_volunteer(&app, &headers).await?;
    let running = app.store.running_trials_of(volunteer.id).await?;
    Ok(Json(Contribution {
        id: volunteer.id,
        nickname: volunteer.nickname,
        verified: volunteer.verified,
        rejected: volunteer.rejected,
        running,
    }))
}

fn nickname(wish: &str) -> Result<String, Problem> {
    let wish = wish.trim();
    if wish.chars().count() > NICKNAME_CHARS || wish.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!(
            "`nickname` must have at most {NICKNAME_CHARS} printable characters"
        )));
    }
    Ok(if wish.is_empty() {
        "anonymous".to_owned()
    } else {
        wish.to_owned()
    })
}
