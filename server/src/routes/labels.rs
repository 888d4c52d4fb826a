//! What a job has found out: pages of it for people, all of it as a file, and the pictures themselves.
//! All of that is the operator's.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tabsweep_protocol::Sha256;

use super::{auth::require_admin, jobs::find};
use crate::{
    app::SharedApp,
    class_names::{ClassNames, NamedAnswer},
    problem::Problem,
    results::{ResultFormat, Results},
    store::{ClassCount, LabelFilter, LabelledPicture, StoreError},
};

/// Most pictures of a page.
const MOST: u32 = 1000;

/// A picture with its labels.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PictureView {
    /// Its place in the job.
    number: u32,
    /// Its name.
    name: String,
    /// Its bytes, at `/api/jobs/{id}/pictures/{sha256}`.
    sha256: Option<Sha256>,
    /// What the model says of it.
    answer: NamedAnswer,
}

/// How often a class is the likeliest.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ClassView {
    /// The class; none for pictures that can't be read.
    class: Option<u32>,
    /// What it is called; its number where the model has no names.
    name: Option<String>,
    /// How many pictures.
    pictures: u32,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LabelsQuery {
    /// Only those whose likeliest class is this one.
    class: Option<u32>,
    /// Only those that can't be read.
    #[serde(default)]
    unreadable: bool,
    /// Only those from this place in the job on.
    #[serde(default)]
    from: u32,
    /// Most pictures, up to 1000.
    #[serde(default = "hundred")]
    limit: u32,
}

fn hundred() -> u32 {
    100
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResultsQuery {
    /// How they are written.
    #[serde(default)]
    #[param(value_type = String)]
    format: ResultFormat,
}

/// Pictures of a job that have their labels, in their order.
#[utoipa::path(get, path = "/api/jobs/{id}/labels", operation_id = "list_labels", tag = "jobs",
    params(("id" = u32, Path, description = "The job's id"), LabelsQuery),
    responses((status = 200, body = Vec<PictureView>), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    Query(query): Query<LabelsQuery>,
    headers: HeaderMap,
) -> Result<Json<Vec<PictureView>>, Problem> {
    require_admin(&app, &headers)?;
    let job = find(&app, id).await?;
    let filter = match query.class {
        Some(class) => LabelFilter::Class(class),
        None if query.unreadable => LabelFilter::Unreadable,
        None => LabelFilter::All,
    };
    let most = query.limit.min(MOST);
    let pictures = app.store.labels(job.id, filter, query.from, most).await?;
    let names = ClassNames::of(&job.definition.model, &app.data).await?;
    let view = |picture: LabelledPicture| PictureView {
        number: picture.number,
        name: picture.name,
        sha256: picture.sha256,
        answer: names.answer(picture.answer),
    };
    Ok(Json(pictures.into_iter().map(view).collect()))
}

/// How often each class is the likeliest in a job.
#[utoipa::path(get, path = "/api/jobs/{id}/classes", operation_id = "list_classes", tag = "jobs",
    params(("id" = u32, Path, description = "The job's id")),
    responses((status = 200, body = Vec<ClassView>), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn classes(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    headers: HeaderMap,
) -> Result<Json<Vec<ClassView>>, Problem> {
    require_admin(&app, &headers)?;
    let job = find(&app, id).await?;
    let counts = app.store.class_counts(job.id).await?;
    let names = ClassNames::of(&job.definition.model, &app.data).await?;
    let view = |count: ClassCount| ClassView {
        class: count.class,
        name: count.class.map(|class| names.name(class).into_owned()),
        pictures: count.pictures,
    };
    Ok(Json(counts.into_iter().map(view).collect()))
}

/// All labels of a job as a file, with the job and the hash of its model in each row.
#[utoipa::path(get, path = "/api/jobs/{id}/results", operation_id = "job_results", tag = "jobs",
    params(("id" = u32, Path, description = "The job's id"), ResultsQuery),
    responses((status = 200, content_type = "text/csv", body = String),
        (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn results(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    Query(query): Query<ResultsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_admin(&app, &headers)?;
    let job = find(&app, id).await?;
    let names = ClassNames::of(&job.definition.model, &app.data).await?;
    let results = Results::new(query.format, &job, names);
    let (content_type, extension) = (query.format.content_type(), query.format.extension());
    let head = results.head();
    let rows = stream::try_unfold(Some(0_u32), move |from| {
        let (app, results, job) = (app.clone(), results.clone(), job.id);
        async move {
            let Some(from) = from else { return Ok(None) };
            let pictures = app.store.labels(job, LabelFilter::All, from, MOST).await?;
            let next = pictures.last().map(|picture| picture.number + 1);
            let bytes = Bytes::from(results.rows(pictures));
            Ok::<_, StoreError>(next.map(|next| (bytes, Some(next))))
        }
    });
    let body = stream::StreamExt::chain(stream::iter([Ok(Bytes::from(head))]), rows);
    let disposition = format!("attachment; filename=\"job-{id}.{extension}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).expect("digits and letters"),
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// A picture of a job.
#[utoipa::path(get, path = "/api/jobs/{id}/pictures/{sha256}", operation_id = "show_picture",
    tag = "jobs",
    params(("id" = u32, Path, description = "The job's id"),
        ("sha256" = String, Path, description = "SHA-256, 64 hexadecimal digits")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn picture(
    State(app): State<SharedApp>,
    Path((id, sha256)): Path<(u32, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_admin(&app, &headers)?;
    let sha256: Sha256 = sha256.parse().map_err(Problem::bad_request)?;
    let unknown = || Problem::not_found("the job has no such picture");
    let job = find(&app, id).await?;
    if !app.store.has_picture(job.id, &sha256).await? {
        return Err(unknown());
    }
    let blobs = app.data.clone();
    let bytes = tokio::task::spawn_blocking(move || blobs.get(&sha256)).await;
    let bytes = bytes.map_err(|error| Problem::internal(&error))??;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=3600"),
        ),
    ];
    Ok((headers, bytes.ok_or_else(unknown)?).into_response())
}
