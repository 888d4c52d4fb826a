//! Labelling jobs: list, show, create, change, and their chunks' pictures for whoever labels them.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{
    ChunkNumber, JobId, LeaseToken, Sha256, StopReason, StudyId, TrialNumber, pack,
};
use tabsweep_study::JobState;

use super::auth::{bearer, require_admin};
use crate::{
    app::{App, SharedApp},
    blobs::{BlobError, Blobs},
    jobs::{self, JobError, ModelChoice, NewJob},
    problem::Problem,
    roster::Connected,
    store::{JobPicture, JobProgress, StoreError, StoredJob},
};

/// A labelling job.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct JobView {
    /// Id.
    id: JobId,
    /// Name.
    name: String,
    /// Where it stands.
    #[schema(value_type = String, example = "running")]
    state: JobState,
    /// Its model, for people.
    model_name: String,
    /// The hash by which its model is known.
    model_sha256: Sha256,
    /// How many labels each picture gets.
    top: u32,
    /// Its share of the workers, beside studies and other jobs.
    weight: f64,
    /// How many pictures it has.
    pictures: u32,
    /// How far it has come.
    #[serde(flatten)]
    progress: JobProgress,
    /// Workers that label its pictures now, on this server.
    workers: u32,
    /// How fast they do, together.
    images_per_sec: f64,
    /// When it was created, in milliseconds since 1970.
    created_millis: i64,
    /// When it finished or was stopped, in milliseconds since 1970.
    ended_millis: Option<i64>,
}

/// A job to be created.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewJobBody {
    /// Name.
    name: String,
    /// Which model; that of the best verified trial where it is left out.
    #[serde(default)]
    model: Option<ModelBody>,
    /// How many labels each picture gets.
    #[serde(default = "five")]
    top: u32,
    /// Its share of the workers, beside studies and other jobs.
    #[serde(default = "one")]
    weight: f64,
    /// The pictures, uploaded before.
    pictures: Vec<PictureBody>,
}

/// A model that is used.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum ModelBody {
    /// That of a trial.
    Trial {
        /// The trial's study.
        study: StudyId,
        /// Its number.
        trial: TrialNumber,
    },
    /// A bundle.
    Bundle {
        /// Its hash.
        bundle: Sha256,
    },
}

/// A picture of a job to be created.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PictureBody {
    /// Its name, mostly that of a file.
    name: String,
    /// Its bytes.
    #[serde(default)]
    sha256: Option<Sha256>,
    /// Where there are none: why not.
    #[serde(default)]
    unreadable: Option<String>,
}

/// What an operator changes of a job; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobChange {
    /// `running`, `paused` or `stopped`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    state: Option<JobState>,
    /// Its share of the workers.
    #[serde(default)]
    weight: Option<f64>,
}

fn five() -> u32 {
    5
}

fn one() -> f64 {
    1.0
}

/// All labelling jobs, newest first.
#[utoipa::path(get, path = "/api/jobs", operation_id = "list_jobs", tag = "jobs",
    responses((status = 200, body = Vec<JobView>)))]
pub(super) async fn list(State(app): State<SharedApp>) -> Result<Json<Vec<JobView>>, Problem> {
    let workers = app.workers().await?;
    let mut views = Vec::new();
    for job in app.store.jobs().await? {
        views.push(view(&app, job, &workers).await?);
    }
    Ok(Json(views))
}

/// One labelling job.
#[utoipa::path(get, path = "/api/jobs/{id}", operation_id = "show_job", tag = "jobs",
    params(("id" = u32, Path, description = "The job's id")),
    responses((status = 200, body = JobView), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Json<JobView>, Problem> {
    let job = find(&app, id).await?;
    Ok(Json(view(&app, job, &app.workers().await?).await?))
}

/// Creates a labelling job of pictures that were uploaded before.
#[utoipa::path(post, path = "/api/jobs", operation_id = "create_job", tag = "jobs",
    request_body = NewJobBody,
    responses((status = 201, body = JobView), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn create(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    Json(body): Json<NewJobBody>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    require_admin(&app, &headers)?;
    let id = jobs::create(&app, body.into_job()?).await?;
    let job = find(&app, id.0).await?;
    Ok((
        StatusCode::CREATED,
        Json(view(&app, job, &app.workers().await?).await?),
    ))
}

/// Holds a job, lets it go on, ends it, or changes its weight.
#[utoipa::path(patch, path = "/api/jobs/{id}", operation_id = "change_job", tag = "jobs",
    params(("id" = u32, Path, description = "The job's id")), request_body = JobChange,
    responses((status = 200, body = JobView), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
    headers: HeaderMap,
    Json(change): Json<JobChange>,
) -> Result<Json<JobView>, Problem> {
    require_admin(&app, &headers)?;
    let job = find(&app, id).await?.id;
    if let Some(weight) = change.weight {
        jobs::check_weight(weight)?;
        app.store.weigh_job(job, weight).await?;
    }
    match change.state {
        Some(JobState::Finished) => {
            let detail = "a job finishes by itself; `stopped` ends it before";
            return Err(Problem::bad_request(detail));
        }
        Some(state) => {
            for lease in app.store.put_job_into(job, state, app.clock.now()).await? {
                app.stop_lease(lease, StopReason::Cancelled);
            }
        }
        None => {}
    }
    app.work_may_exist();
    let job = find(&app, id).await?;
    Ok(Json(view(&app, job, &app.workers().await?).await?))
}

/// The pictures of a chunk, for the holder of a lease on it: each after its length, four bytes, the
/// least significant first.
#[utoipa::path(get, path = "/api/jobs/{id}/chunks/{chunk}", operation_id = "show_chunk", tag = "jobs",
    params(("id" = u32, Path, description = "The job's id"),
        ("chunk" = u32, Path, description = "The chunk's number")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn chunk(
    State(app): State<SharedApp>,
    Path((id, number)): Path<(u32, u32)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("no chunk with this number is here for you");
    let token: LeaseToken = bearer(&headers)?.parse().map_err(Problem::unauthorized)?;
    let lease = app.store.chunk_lease(&token).await?;
    let lease = lease.ok_or_else(unknown)?;
    if (lease.job, lease.number) != (JobId(id), ChunkNumber(number)) {
        return Err(unknown());
    }
    let chunk = app.store.chunk(lease.job, lease.number).await?;
    let chunk = chunk.filter(|chunk| !chunk.state.has_ended());
    let chunk = chunk.ok_or_else(unknown)?;
    let pictures = app.store.chunk_pictures(lease.job, &chunk).await?;
    let blobs = app.data.clone();
    let bytes = tokio::task::spawn_blocking(move || packed(&blobs, &pictures)).await;
    let bytes = bytes.map_err(|error| Problem::internal(&error))??;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, bytes).into_response())
}

/// A picture that is gone from the disk is sent as an empty one, and so found unreadable.
fn packed(blobs: &Blobs, pictures: &[Sha256]) -> Result<Vec<u8>, BlobError> {
    let mut bytes = Vec::new();
    for picture in pictures {
        pack::push(&mut bytes, &blobs.get(picture)?.unwrap_or_default());
    }
    Ok(bytes)
}

impl NewJobBody {
    fn into_job(self) -> Result<NewJob, Problem> {
        let model = match self.model {
            None => ModelChoice::Best,
            Some(ModelBody::Trial { study, trial }) => ModelChoice::Trial(study, trial),
            Some(ModelBody::Bundle { bundle }) => ModelChoice::Bundle(bundle),
        };
        let pictures = self.pictures.into_iter().map(PictureBody::into_picture);
        Ok(NewJob {
            name: self.name,
            model,
            top: self.top,
            weight: self.weight,
            pictures: pictures.collect::<Result<_, _>>()?,
        })
    }
}

impl PictureBody {
    fn into_picture(self) -> Result<JobPicture, Problem> {
        let name = self.name;
        let content = match (self.sha256, self.unreadable) {
            (Some(sha256), None) => Ok(sha256),
            (None, Some(reason)) => Err(reason),
            _ => {
                let detail = format!("{name} needs either `sha256` or `unreadable`");
                return Err(Problem::bad_request(detail));
            }
        };
        Ok(JobPicture { name, content })
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Store { source } => source.into(),
            JobError::Blob { source } => source.into(),
            JobError::NoModel | JobError::NotVerified { .. } | JobError::NoBundle { .. } => {
                Self::new(
                    StatusCode::CONFLICT,
                    "no_model",
                    "There is no such model",
                    error,
                )
            }
            JobError::OutOfRange { .. } | JobError::UnknownPicture { .. } => {
                Self::bad_request(error)
            }
            JobError::ModelGone { .. } => Self::internal(&error),
        }
    }
}

/// The job, or the error that there is none.
pub(super) async fn find(app: &App, id: u32) -> Result<StoredJob, Problem> {
    let job = app.store.job(JobId(id)).await?;
    job.ok_or_else(|| Problem::not_found(format!("there is no job {id}")))
}

async fn view(app: &App, job: StoredJob, workers: &[Connected]) -> Result<JobView, StoreError> {
    let progress = app.store.job_progress(job.id).await?;
    let labels = workers.iter().filter_map(|worker| worker.labels.as_ref());
    let labels: Vec<_> = labels.filter(|labels| labels.job == job.id).collect();
    let speeds = labels.iter().filter_map(|labels| labels.progress.as_ref());
    let images_per_sec = speeds
        .map(|progress| f64::from(progress.images_per_sec))
        .sum();
    Ok(JobView {
        id: job.id,
        state: job.state,
        model_name: job.definition.model_name,
        model_sha256: job.definition.model.sha256().clone(),
        name: job.definition.name,
        top: job.definition.top,
        weight: job.weight,
        pictures: job.pictures,
        progress,
        workers: labels.len() as u32,
        images_per_sec,
        created_millis: job.created.0,
        ended_millis: job.ended.map(|ended| ended.0),
    })
}
