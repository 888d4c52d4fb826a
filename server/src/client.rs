//! The command line's way to a running server: the same API that everybody has.

mod archive;
mod export;
mod label;
mod pictures;

use std::{
    io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{RequestBuilder, Response, header};
use serde::Serialize;
use serde_json::{Value, json};
use tabsweep_protocol::Parameters;

use crate::http_client::client;
pub use export::{ExportFormat, ExportedTrial, Output};
pub use label::{JobModel, NewJob};
pub use pictures::SourceError;

/// Why a command did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server can't be reached.
    #[error("{url}: {source}; is the server running there?")]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("{detail}")]
    Refused {
        /// What it said.
        detail: String,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// No model is called so.
    #[error(
        "there is no model {name}; expected `best`, STUDY/TRIAL such as 1/17, or a bundle's name"
    )]
    NoModel {
        /// What was asked for.
        name: String,
    },
    /// Several bundles are called so, and it matters which is meant.
    #[error("several models are called {name}: {}; say which by its hash", hashes.join(", "))]
    SeveralModels {
        /// What was asked for.
        name: String,
        /// How the hashes of those begin.
        hashes: Vec<String>,
    },
    /// No bundle is called so.
    #[error("there is no bundle {name}; `tabsweep model list` lists them")]
    NoBundle {
        /// What was asked for.
        name: String,
    },
    /// There are no pictures to be had.
    #[error(transparent)]
    Pictures {
        /// Why not.
        #[from]
        source: SourceError,
    },
    /// The study has no model.
    #[error("study {study} has no verified trial yet")]
    NothingVerified {
        /// The study.
        study: u32,
    },
}

/// Digits of a bundle's hash that are needed to name it.
const LEAST_HASH_DIGITS: usize = 4;

/// What an operator changes of a study; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StudyChange {
    /// `running`, `paused` or `finished`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// How many settings are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trials: Option<u32>,
    /// Seconds from its creation until no trial begins any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_secs: Option<u32>,
    /// The verified score that is good enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_score: Option<f64>,
    /// Its share of the workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

/// A server to talk to.
#[derive(Debug)]
pub struct Server {
    /// Its address, `http://HOST:PORT`.
    pub url: String,
}

impl Server {
    /// All studies as text, one a line.
    ///
    /// # Errors
    /// The server can't be reached or says no.
    pub async fn list_studies(&self) -> Result<String, ClientError> {
        let studies = self.get("/api/studies").await?;
        let lines = studies.as_array().into_iter().flatten().map(summary_line);
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// A study and its leaders as text.
    ///
    /// # Errors
    /// The server can't be reached or says no.
    pub async fn show_study(&self, id: u32) -> Result<String, ClientError> {
        let study = self.get(&format!("/api/studies/{id}")).await?;
        let leaders = self
            .get(&format!("/api/studies/{id}/leaderboard?limit=20"))
            .await?;
        let mut lines = vec![summary_line(&study)];
        for row in leaders.as_array().into_iter().flatten() {
            lines.push(format!(
                "{:>4}. trial {:<5} {:>6.2} % validation  {:>6.2} % test  {}",
                row["rank"],
                row["trial"],
                percent(&row["validation_score"]),
                percent(&row["test_score"]),
                row["parameters"],
            ));
        }
        Ok(lines.join("\n"))
    }

    /// Creates a study from a study file; its line in the list.
    ///
    /// # Errors
    /// The file can't be read, or the server can't be reached or says no.
    pub async fn create_study(
        &self,
        file: PathBuf,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let text = read(&file)?;
        let request = client()
            .post(format!("{}/api/studies", self.url))
            .header(header::CONTENT_TYPE, "application/toml")
            .body(text);
        let study = command(request, &admin_token_file).await;
        let study = study.map_err(|error| match error {
            ClientError::Refused { detail } => ClientError::Refused {
                detail: format!("{}: {detail}", file.display()),
            },
            other => other,
        })?;
        Ok(summary_line(&study))
    }

    /// Pauses, resumes, stops or extends a study; its line in the list.
    ///
    /// # Errors
    /// The token can't be read, or the server can't be reached or says no.
    pub async fn change_study(
        &self,
        id: u32,
        change: &StudyChange,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let url = format!("{}/api/studies/{id}", self.url);
        let request = client().patch(url).json(change);
        let study = command(request, &admin_token_file).await?;
        Ok(summary_line(&study))
    }

    /// Queues a setting of the operator's own; which trial it is.
    ///
    /// # Errors
    /// The token can't be read, or the server can't be reached or says no.
    pub async fn enqueue(
        &self,
        id: u32,
        parameters: &Parameters,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let url = format!("{}/api/studies/{id}/trials", self.url);
        let request = client()
            .post(url)
            .json(&json!({ "parameters": parameters }));
        let trial = command(request, &admin_token_file).await?;
        Ok(trial_line(&trial))
    }

    /// Has a trial trained once more from its beginning; how it stands.
    ///
    /// # Errors
    /// The token can't be read, or the server can't be reached or says no.
    pub async fn requeue(
        &self,
        id: u32,
        number: u32,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let url = format!("{}/api/studies/{id}/trials/{number}/requeue", self.url);
        let trial = command(client().post(url), &admin_token_file).await?;
        Ok(trial_line(&trial))
    }

    /// How much each hyper-parameter matters, as text, one a line, most important first.
    ///
    /// # Errors
    /// The server can't be reached or says no.
    pub async fn importance(&self, id: u32) -> Result<String, ClientError> {
        let rows = self.get(&format!("/api/studies/{id}/importance")).await?;
        let line = |row: &Value| {
            let name = row["parameter"].as_str().unwrap_or_default();
            format!("{:>6.1} %  {name}", percent(&row["importance"]))
        };
        let lines = rows.as_array().into_iter().flatten().map(line);
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// All pretrained models as text, one a line.
    ///
    /// # Errors
    /// The server can't be reached or says no.
    pub async fn list_bundles(&self) -> Result<String, ClientError> {
        let bundles = self.get("/api/bundles").await?;
        let lines = bundles.as_array().into_iter().flatten().map(bundle_line);
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// Adds the pretrained model in a folder; its line in the list.
    ///
    /// # Errors
    /// A file can't be read, or the server can't be reached or says no.
    pub async fn add_bundle(
        &self,
        folder: &Path,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let path = folder.join("weights.safetensors");
        let weights = std::fs::read(&path);
        let weights = weights.map_err(|source| ClientError::File { path, source })?;
        let contents = json!({
            "model.toml": read(&folder.join("model.toml"))?,
            "labels.txt": read(&folder.join("labels.txt"))?,
            "weights.safetensors": BASE64_STANDARD.encode(weights),
        });
        let url = format!("{}/api/bundles", self.url);
        let bundle = command(client().post(url).json(&contents), &admin_token_file).await?;
        Ok(bundle_line(&bundle))
    }

    /// Removes the bundle with this name, or whose hash begins so; a line that says which it was.
    ///
    /// # Errors
    /// There is none or more than one, or the server can't be reached or says no.
    pub async fn remove_bundle(
        &self,
        name: String,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let mut meant = self.bundles_called(&name).await?;
        if meant.len() > 1 {
            let hashes = meant.iter().map(short_hash).collect();
            return Err(ClientError::SeveralModels { name, hashes });
        }
        let bundle = meant.pop().ok_or(ClientError::NoBundle { name })?;
        let sha256 = bundle["sha256"].as_str().unwrap_or_default();
        let url = format!("{}/api/bundles/{sha256}", self.url);
        let removed = command(client().delete(url), &admin_token_file).await?;
        Ok(format!("removed {}", bundle_line(&removed)))
    }

    /// The bundles with this name, or whose hash begins so; the one added last first.
    async fn bundles_called(&self, name: &str) -> Result<Vec<Value>, ClientError> {
        let is_meant = |bundle: &&Value| {
            let sha256 = bundle["sha256"].as_str().unwrap_or_default();
            let begins_so = name.len() >= LEAST_HASH_DIGITS && sha256.starts_with(name);
            bundle["name"] == name || begins_so
        };
        let bundles = self.get("/api/bundles").await?;
        let bundles = bundles.as_array().into_iter().flatten();
        Ok(bundles.filter(is_meant).cloned().collect())
    }

    async fn get(&self, path: &str) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.url);
        match client().get(&url).send().await {
            Ok(response) => answer(response).await,
            Err(source) => Err(ClientError::Unreachable { url, source }),
        }
    }
}

/// Sends what only the operator may.
async fn command(
    request: RequestBuilder,
    admin_token_file: &PathBuf,
) -> Result<Value, ClientError> {
    let token = read(admin_token_file)?;
    let (client, request) = request.bearer_auth(token.trim()).build_split();
    let unsendable = |source: reqwest::Error| ClientError::Unreachable {
        url: source.url().map(ToString::to_string).unwrap_or_default(),
        source,
    };
    let request = request.map_err(unsendable)?;
    answer(client.execute(request).await.map_err(unsendable)?).await
}

async fn answer(response: Response) -> Result<Value, ClientError> {
    let (status, url) = (response.status(), response.url().to_string());
    let body: Value = response
        .json()
        .await
        .map_err(|source| ClientError::Unreachable { url, source })?;
    if status.is_success() {
        return Ok(body);
    }
    let detail = body["detail"]
        .as_str()
        .unwrap_or("the server gave no reason");
    let place = match (&body["line"], &body["column"]) {
        (Value::Number(line), Value::Number(column)) => format!("line {line}, column {column}: "),
        _ => String::new(),
    };
    Err(ClientError::Refused {
        detail: format!("{place}{detail}"),
    })
}

fn summary_line(study: &Value) -> String {
    let counts = &study["counts"];
    let best = match &study["best"] {
        Value::Null => String::new(),
        best => format!(
            ", best {:.2} % validation, {:.2} % test (trial {})",
            percent(&best["validation_score"]),
            percent(&best["test_score"]),
            best["trial"],
        ),
    };
    format!(
        "{}  {}  [{}, {}]  {} of {} trials verified{best}",
        study["id"],
        study["name"].as_str().unwrap_or_default(),
        study["dataset"].as_str().unwrap_or_default(),
        study["state"].as_str().unwrap_or_default(),
        counts["verified"],
        study["trials"],
    )
}

/// As much of a bundle's hash as people need.
fn short_hash(bundle: &Value) -> String {
    let sha256 = bundle["sha256"].as_str().unwrap_or_default();
    sha256.get(..12).unwrap_or_default().to_owned()
}

fn bundle_line(bundle: &Value) -> String {
    let text = |field: &str| bundle[field].as_str().unwrap_or_default();
    format!(
        "{}  {}  [{} x {}, {} classes, {}]",
        short_hash(bundle),
        text("name"),
        bundle["width"],
        bundle["height"],
        bundle["classes"],
        text("licence"),
    )
}

fn trial_line(trial: &Value) -> String {
    let state = trial["state"].as_str().unwrap_or_default();
    format!(
        "trial {} is {state}: {}",
        trial["number"], trial["parameters"]
    )
}

fn percent(score: &Value) -> f64 {
    score.as_f64().unwrap_or_default() * 100.0
}

fn read(path: &PathBuf) -> Result<String, ClientError> {
    std::fs::read_to_string(path).map_err(|source| ClientError::File {
        path: path.clone(),
        source,
    })
}
