//! Who lends: a nickname, and a secret token in a file that only its owner reads. One token per
//! server, so that credit goes on from one start to the next.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::{
    Address,
    http::{Http, HttpError, answer},
};

/// Why nobody can lend here.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The server can't be reached or says no.
    #[error("{address}: {source}; is a tabsweep server running there?")]
    Server {
        /// Where.
        address: Address,
        /// What happened.
        source: HttpError,
    },
    /// The file with the token can't be read or written.
    #[error("{path}: {source}; choose another with --token-file")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// What the server says of a volunteer.
#[derive(Debug, Deserialize)]
struct Known {
    nickname: String,
}

/// What the server says to a new volunteer.
#[derive(Debug, Deserialize)]
struct Registered {
    nickname: String,
    token: String,
}

/// The volunteer whom all workers of the process lend for.
#[derive(Debug)]
pub(crate) struct Registration {
    http: Http,
    address: Address,
    wish: String,
    file: PathBuf,
    token: Mutex<String>,
    /// As the server writes it.
    pub(crate) nickname: String,
}

impl Registration {
    /// The volunteer of the token in `file`; a new one, called `wish`, where there is none or the
    /// server does not know it.
    pub(crate) async fn open(
        http: Http,
        address: Address,
        wish: String,
        file: PathBuf,
    ) -> Result<Self, RegistrationError> {
        let mut registration = Self {
            http,
            address,
            wish,
            file,
            token: Mutex::default(),
            nickname: String::new(),
        };
        let known = match registration.stored()? {
            Some(token) => registration.known(&token).await?.map(|name| (token, name)),
            None => None,
        };
        let (token, nickname) = match known {
            Some(known) => known,
            None => registration.register().await?,
        };
        registration.token = Mutex::new(token);
        registration.nickname = nickname;
        Ok(registration)
    }

    /// The token to work with.
    pub(crate) async fn token(&self) -> String {
        self.token.lock().await.clone()
    }

    /// Another token than `refused`: another worker may have got one already.
    pub(crate) async fn renewed(&self, refused: &str) -> Result<String, RegistrationError> {
        let mut token = self.token.lock().await;
        if *token == refused {
            *token = self.register().await?.0;
        }
        Ok(token.clone())
    }

    fn stored(&self) -> Result<Option<String>, RegistrationError> {
        match fs::read_to_string(&self.file) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.file_error(source)),
        }
    }

    async fn known(&self, token: &str) -> Result<Option<String>, RegistrationError> {
        let request = self.http.get("/api/volunteers/me").bearer_auth(token);
        let known = async { Ok(answer(request).await?.json::<Known>().await?) };
        match known.await {
            Ok(known) => Ok(Some(known.nickname)),
            Err(HttpError::Status { status, .. }) if status == StatusCode::UNAUTHORIZED => Ok(None),
            Err(source) => Err(self.server_error(source)),
        }
    }

    async fn register(&self) -> Result<(String, String), RegistrationError> {
        let request = self
            .http
            .post("/api/volunteers")
            .json(&json!({ "nickname": self.wish }));
        let registered = async { Ok(answer(request).await?.json::<Registered>().await?) };
        let Registered { nickname, token } = registered
            .await
            .map_err(|source| self.server_error(source))?;
        write_private(&self.file, &token).map_err(|source| self.file_error(source))?;
        Ok((token, nickname))
    }

    fn server_error(&self, source: HttpError) -> RegistrationError {
        RegistrationError::Server {
            address: self.address.clone(),
            source,
        }
    }

    fn file_error(&self, source: io::Error) -> RegistrationError {
        RegistrationError::File {
            path: self.file.clone(),
            source,
        }
    }
}

/// Where the token for a server is kept unless somebody says otherwise: in the user's folder for
/// state by the XDG convention, or Windows's own.
pub fn default_token_file(address: &Address) -> PathBuf {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("XDG_STATE_HOME")
        .or_else(|| from("LOCALAPPDATA"))
        .or_else(|| from("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("."))
        .join("tabsweep")
        .join(format!("volunteer-{}", address.file_name()))
}

/// Written whole or not at all, and readable for its owner alone from the first byte on.
fn write_private(file: &Path, token: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = file.with_extension(format!("{}.part", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&part)
        .and_then(|mut file| writeln!(file, "{token}"))
        .and_then(|()| fs::rename(&part, file));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_reads_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/volunteer-127.0.0.1-8080");
        for token in ["one", "two"] {
            write_private(&file, token).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{token}\n"));
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let files = fs::read_dir(file.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1);
    }
}
