//! `tabsweep study export`: asks the server for a file and writes it as it arrives.

use std::{
    convert::Infallible,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::ValueEnum;
use reqwest::{RequestBuilder, Response, header};

use super::{ClientError, Server, answer, client, read};

/// What can be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// All trials as a table
    Csv,
    /// All trials as lines of JSON
    Jsonl,
    /// All trials as Optuna's journal
    Optuna,
    /// A model's weights
    Safetensors,
    /// A model as ONNX
    Onnx,
    /// A model in a page that classifies
    Html,
}

/// Whose model is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportedTrial {
    /// The leader's.
    Best,
    /// That of the trial with this number.
    Number(u32),
}

impl FromStr for ExportedTrial {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "best" => Ok(Self::Best),
            text => text
                .parse()
                .map(Self::Number)
                .map_err(|_| format!("expected a trial's number or `best`, found `{text}`")),
        }
    }
}

/// Where it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The terminal, or what its output is led to.
    Standard,
    /// A file.
    File(PathBuf),
}

impl FromStr for Output {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" => Self::Standard,
            path => Self::File(path.into()),
        })
    }
}

impl Server {
    /// Saves what is asked for; a line that says where it is, or nothing if that would stand among it.
    ///
    /// # Errors
    /// There is no such trial, the file can't be written, or the server can't be reached or says no.
    pub async fn export(
        &self,
        study: u32,
        format: ExportFormat,
        trial: ExportedTrial,
        output: Option<Output>,
    ) -> Result<String, ClientError> {
        let address = self.address(study, format, trial).await?;
        let response = self.file(&address).await?;
        save_answer(response, output).await
    }

    async fn address(
        &self,
        study: u32,
        format: ExportFormat,
        trial: ExportedTrial,
    ) -> Result<String, ClientError> {
        let file = match format {
            ExportFormat::Csv => return Ok(format!("/api/studies/{study}/export/trials.csv")),
            ExportFormat::Jsonl => return Ok(format!("/api/studies/{study}/export/trials.jsonl")),
            ExportFormat::Optuna => return Ok(format!("/api/studies/{study}/export/optuna.log")),
            ExportFormat::Safetensors => "model.safetensors",
            ExportFormat::Onnx => "model.onnx",
            ExportFormat::Html => "model.html",
        };
        let number = match trial {
            ExportedTrial::Number(number) => number,
            ExportedTrial::Best => self.best(study).await?,
        };
        Ok(format!("/api/studies/{study}/trials/{number}/{file}"))
    }

    async fn best(&self, study: u32) -> Result<u32, ClientError> {
        let path = format!("/api/studies/{study}/leaderboard?limit=1");
        let number = self.get(&path).await?[0]["trial"].as_u64();
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.ok_or(ClientError::NothingVerified { study })
    }

    async fn file(&self, path: &str) -> Result<Response, ClientError> {
        file(client().get(format!("{}{path}", self.url))).await
    }
}

/// Asks for a file that only the operator may have.
pub(super) async fn send(
    request: RequestBuilder,
    admin_token_file: &PathBuf,
) -> Result<Response, ClientError> {
    let token = read(admin_token_file)?;
    file(request.bearer_auth(token.trim())).await
}

async fn file(request: RequestBuilder) -> Result<Response, ClientError> {
    let unreachable = |source: reqwest::Error| ClientError::Unreachable {
        url: source.url().map(ToString::to_string).unwrap_or_default(),
        source,
    };
    let response = request.send().await.map_err(unreachable)?;
    if response.status().is_success() {
        return Ok(response);
    }
    let url = response.url().to_string();
    Err(answer(response).await.map_or_else(
        |refused| refused,
        |_| ClientError::Refused {
            detail: format!("{url} is no file"),
        },
    ))
}

/// Saves an answer, under the name that the server gives it where there is no other; a line that says
/// where it is, or nothing if that would stand among it.
pub(super) async fn save_answer(
    response: Response,
    output: Option<Output>,
) -> Result<String, ClientError> {
    match output.unwrap_or_else(|| Output::File(file_name(&response))) {
        Output::Standard => {
            write(response, &mut io::stdout(), Path::new("-")).await?;
            Ok(String::new())
        }
        Output::File(path) => {
            save(response, &path).await?;
            Ok(path.display().to_string())
        }
    }
}

/// What the server calls the file; only a plain name, never a way to another folder.
fn file_name(response: &Response) -> PathBuf {
    let disposition = response.headers().get(header::CONTENT_DISPOSITION);
    let named = disposition.and_then(|value| {
        let (_, rest) = value.to_str().ok()?.split_once("filename=\"")?;
        Path::new(rest.strip_suffix('"')?).file_name()
    });
    named.map_or_else(|| "export".into(), PathBuf::from)
}

/// Writes beside the file and puts it in its place when it is whole.
async fn save(response: Response, path: &Path) -> Result<(), ClientError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut file = File::create(&part).map_err(file_error(&part))?;
    let written = write(response, &mut file, &part).await;
    drop(file);
    if let Err(error) = written {
        // What went wrong first is what is told.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::rename(&part, path).map_err(file_error(path))
}

async fn write(
    mut response: Response,
    file: &mut impl Write,
    path: &Path,
) -> Result<(), ClientError> {
    let url = response.url().to_string();
    let lost = |source| ClientError::Unreachable {
        url: url.clone(),
        source,
    };
    while let Some(piece) = response.chunk().await.map_err(lost)? {
        file.write_all(&piece).map_err(file_error(path))?;
    }
    file.flush().map_err(file_error(path))
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> ClientError {
    let path = path.to_owned();
    move |source| ClientError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_a_number_or_the_best() {
        assert_eq!("best".parse(), Ok(ExportedTrial::Best));
        assert_eq!("17".parse(), Ok(ExportedTrial::Number(17)));
        assert!("first".parse::<ExportedTrial>().is_err());
    }

    #[test]
    fn a_dash_is_the_terminal() {
        assert_eq!("-".parse(), Ok(Output::Standard));
        assert_eq!("a.csv".parse(), Ok(Output::File("a.csv".into())));
    }
}
