//! The command line's way to a running server: the same API that everybody has.

use std::{io, path::PathBuf};

use reqwest::{Response, header};
use serde_json::Value;

use crate::http_client::client;

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
    /// A file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
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
        let token = read(&admin_token_file)?;
        let url = format!("{}/api/studies", self.url);
        let request = client()
            .post(&url)
            .header(header::CONTENT_TYPE, "application/toml")
            .bearer_auth(token.trim())
            .body(text);
        let unreachable = |source| ClientError::Unreachable {
            url: url.clone(),
            source,
        };
        let study = answer(request.send().await.map_err(unreachable)?).await;
        let study = study.map_err(|error| match error {
            ClientError::Refused { detail } => ClientError::Refused {
                detail: format!("{}: {detail}", file.display()),
            },
            other => other,
        })?;
        Ok(summary_line(&study))
    }

    async fn get(&self, path: &str) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.url);
        match client().get(&url).send().await {
            Ok(response) => answer(response).await,
            Err(source) => Err(ClientError::Unreachable { url, source }),
        }
    }
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

fn percent(score: &Value) -> f64 {
    score.as_f64().unwrap_or_default() * 100.0
}

fn read(path: &PathBuf) -> Result<String, ClientError> {
    std::fs::read_to_string(path).map_err(|source| ClientError::File {
        path: path.clone(),
        source,
    })
}
