//! Registering, what one has contributed, and who has contributed most.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{VolunteerId, limits::NICKNAME_CHARS};

use super::auth::require_volunteer;
use crate::{
    app::SharedApp,
    problem::Problem,
    secret::{random_hex, sha256_hex},
    store::{Credit, Earnings},
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
    /// Multiply-adds of verified work, trials that others finished included.
    #[schema(value_type = String, example = "1234567890123")]
    credit: Credit,
    /// Place among all volunteers by credit, from 1; none without credit.
    rank: Option<u32>,
}

/// A place on the board of volunteers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BoardRow {
    /// From 1.
    rank: u32,
    /// Who.
    volunteer: VolunteerName,
    /// Multiply-adds of verified work, trials that others finished included.
    #[schema(value_type = String, example = "1234567890123")]
    credit: Credit,
    /// Claims found right.
    verified: u32,
    /// Workers connected now.
    workers: u32,
    /// When a worker of theirs connected last, in milliseconds since 1970.
    seen_millis: i64,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BoardQuery {
    /// Most rows, up to 1000.
    #[serde(default = "hundred")]
    limit: u32,
}

fn hundred() -> u32 {
    100
}

const MOST_ROWS: u32 = 1000;

/// Volunteers with verified work, those with most first.
#[utoipa::path(get, path = "/api/volunteers", operation_id = "volunteer_board", tag = "volunteers",
    params(BoardQuery), responses((status = 200, body = Vec<BoardRow>)))]
pub(super) async fn board(
    State(app): State<SharedApp>,
    Query(query): Query<BoardQuery>,
) -> Result<Json<Vec<BoardRow>>, Problem> {
    let limit = query.limit.min(MOST_ROWS);
    let contributors = app.store.contributors(limit).await?;
    let mut workers: BTreeMap<VolunteerId, u32> = BTreeMap::new();
    for connected in app.workers().await? {
        *workers.entry(connected.volunteer).or_default() += 1;
    }
    let rows = contributors
        .into_iter()
        .zip(1..)
        .map(|(row, rank)| BoardRow {
            rank,
            workers: workers.get(&row.id).copied().unwrap_or_default(),
            volunteer: (row.id, row.nickname).into(),
            credit: row.credit,
            verified: row.verified,
            seen_millis: row.seen.0,
        });
    Ok(Json(rows.collect()))
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
    let Earnings { credit, rank } = app.store.earnings(volunteer.id).await?;
    Ok(Json(Contribution {
        id: volunteer.id,
        nickname: volunteer.nickname,
        verified: volunteer.verified,
        rejected: volunteer.rejected,
        running,
        credit,
        rank,
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
