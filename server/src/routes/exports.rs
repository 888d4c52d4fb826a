//! Files for other tools: a verified trial's model, a study's trials.

use std::path::PathBuf;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use tabsweep_export::{ExportedStudy, TrialFormat, TrialWriter, VerifiedModel};
use tabsweep_protocol::TrialNumber;

use super::studies::find;
use crate::{
    app::SharedApp,
    exports::{self, ExportError},
    problem::Problem,
    store::StoreError,
};

/// The folder of the built pages.
#[derive(Clone, Debug)]
pub(super) struct PagesFolder(pub(super) PathBuf);

/// Trials read from the store at a time.
const PAGE: u32 = 500;

/// Longest part of a file's name that stands for the study.
const SLUG_CHARS: usize = 60;

/// A verified trial's weights, named and shaped as PyTorch would, with setting and provenance in the
/// metadata.
#[utoipa::path(get, path = "/api/studies/{id}/trials/{number}/model.safetensors",
    operation_id = "export_safetensors", tag = "exports",
    params(("id" = u32, Path, description = "The study's id"),
        ("number" = u32, Path, description = "The trial's number")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn safetensors(
    State(app): State<SharedApp>,
    Path((id, number)): Path<(u32, u32)>,
) -> Result<Response, Problem> {
    let (model, name) = model(&app, id, number).await?;
    let file = File::new(&name, "safetensors", "application/octet-stream");
    Ok(file.with(model.safetensors()))
}

/// A verified trial's model as ONNX: brightnesses from 0 to 255 in, probabilities out.
#[utoipa::path(get, path = "/api/studies/{id}/trials/{number}/model.onnx",
    operation_id = "export_onnx", tag = "exports",
    params(("id" = u32, Path, description = "The study's id"),
        ("number" = u32, Path, description = "The trial's number")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn onnx(
    State(app): State<SharedApp>,
    Path((id, number)): Path<(u32, u32)>,
) -> Result<Response, Problem> {
    let (model, name) = model(&app, id, number).await?;
    let file = File::new(&name, "onnx", "application/octet-stream");
    Ok(file.with(model.onnx()))
}

/// A page that classifies with a verified trial's model, offline and from the disk.
#[utoipa::path(get, path = "/api/studies/{id}/trials/{number}/model.html",
    operation_id = "export_page", tag = "exports",
    params(("id" = u32, Path, description = "The study's id"),
        ("number" = u32, Path, description = "The trial's number")),
    responses((status = 200, content_type = "text/html", body = String),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn page(
    State(app): State<SharedApp>,
    Extension(PagesFolder(folder)): Extension<PagesFolder>,
    Path((id, number)): Path<(u32, u32)>,
) -> Result<Response, Problem> {
    let (model, name) = model(&app, id, number).await?;
    let page = exports::page(&model, &folder).await?;
    let file = File::new(&name, "html", "text/html; charset=utf-8");
    Ok(file.with(page))
}

/// A study's trials as a table: one a row, a column for each hyper-parameter.
#[utoipa::path(get, path = "/api/studies/{id}/export/trials.csv", operation_id = "export_csv",
    tag = "exports", params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, content_type = "text/csv", body = String),
        (status = 404, body = Problem)))]
pub(super) async fn csv(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Response, Problem> {
    trials(
        app,
        id,
        TrialFormat::Csv,
        ("csv", "text/csv; charset=utf-8"),
    )
    .await
}

/// A study's trials as lines of JSON, with their epochs.
#[utoipa::path(get, path = "/api/studies/{id}/export/trials.jsonl",
    operation_id = "export_json_lines", tag = "exports",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, content_type = "application/x-ndjson", body = String),
        (status = 404, body = Problem)))]
pub(super) async fn json_lines(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Response, Problem> {
    let kind = ("jsonl", "application/x-ndjson");
    trials(app, id, TrialFormat::JsonLines, kind).await
}

/// A study as the file of Optuna's `JournalFileBackend`.
#[utoipa::path(get, path = "/api/studies/{id}/export/optuna.log", operation_id = "export_optuna",
    tag = "exports", params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, content_type = "application/x-ndjson", body = String),
        (status = 404, body = Problem)))]
pub(super) async fn optuna(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Response, Problem> {
    let kind = ("optuna.log", "application/x-ndjson");
    trials(app, id, TrialFormat::OptunaJournal, kind).await
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::NoTrial { .. } => Self::not_found(error),
            ExportError::NotVerified { .. } => Self::new(
                StatusCode::CONFLICT,
                "not_verified",
                "The trial has no verified model",
                error,
            ),
            ExportError::Store { source } => source.into(),
            ExportError::WeightsGone { .. }
            | ExportError::Blob { .. }
            | ExportError::Model { .. }
            | ExportError::NoPage { .. }
            | ExportError::Page { .. }
            | ExportError::Interrupted { .. } => Self::internal(&error),
        }
    }
}

/// A trial's model, and what its files are called.
async fn model(app: &SharedApp, id: u32, number: u32) -> Result<(VerifiedModel, String), Problem> {
    let study = find(app, id).await?;
    let name = format!("{}-trial-{number}", slug(&study.study.name, id));
    let model = exports::verified_model(app, study, TrialNumber(number)).await?;
    Ok((model, name))
}

async fn trials(
    app: SharedApp,
    id: u32,
    format: TrialFormat,
    (extension, media_type): (&'static str, &'static str),
) -> Result<Response, Problem> {
    let study = find(&app, id).await?;
    let name = slug(&study.study.name, id);
    let exported = ExportedStudy {
        id: study.id,
        study: study.study,
        state: study.state,
        dataset: study.data.name,
    };
    let writer = TrialWriter::new(exported, format);
    let body = Body::from_stream(pieces(app, writer));
    Ok(File::new(&name, extension, media_type).with(body))
}

/// A study's trials piece by piece: the next are read when the last have been sent.
fn pieces(app: SharedApp, writer: TrialWriter) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let study = writer.study().id;
    let head = Bytes::from(writer.head());
    let rest = stream::try_unfold(Some(TrialNumber(0)), move |from| {
        let (app, writer) = (app.clone(), writer.clone());
        async move {
            let Some(from) = from else { return Ok(None) };
            let records = app.store.trial_records(study, from, PAGE).await?;
            let next = records
                .last()
                .map(|last| TrialNumber(last.trial.number.0 + 1));
            let text = records.iter().flat_map(|record| writer.trial(record));
            Ok(Some((text.collect::<Bytes>(), next)))
        }
    });
    futures_util::StreamExt::chain(stream::once(async { Ok(head) }), rest)
}

/// What a browser is told of a file.
struct File {
    disposition: String,
    media_type: &'static str,
}

impl File {
    fn new(name: &str, extension: &str, media_type: &'static str) -> Self {
        Self {
            disposition: format!("attachment; filename=\"{name}.{extension}\""),
            media_type,
        }
    }

    fn with(self, body: impl Into<Body>) -> Response {
        let disposition = HeaderValue::from_str(&self.disposition).expect("a name of ASCII");
        let headers = [
            (header::CONTENT_DISPOSITION, disposition),
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static(self.media_type),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
        ];
        (headers, body.into()).into_response()
    }
}

/// A study's name as part of a file's name: ASCII letters and digits, the rest one dash each time.
fn slug(name: &str, id: u32) -> String {
    let letter = |char: char| match char.to_ascii_lowercase() {
        char if char.is_ascii_alphanumeric() => char,
        _ => '-',
    };
    let text: String = name.chars().take(SLUG_CHARS).map(letter).collect();
    let words: Vec<&str> = text.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        format!("study-{id}")
    } else {
        words.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_study_gives_a_sound_file_name() {
        assert_eq!(slug("Learning rate & neurons", 3), "learning-rate-neurons");
        assert_eq!(slug("../../\"x\"\r\n", 3), "x");
        assert_eq!(slug("数字", 3), "study-3");
        assert!(slug(&"a".repeat(120), 3).len() <= SLUG_CHARS);
    }
}
