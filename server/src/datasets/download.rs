//! Fetching MNIST: several mirrors, resumed where it broke off, believed only when the checksum of
//! the unpacked file is right.

use std::{
    io::SeekFrom,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Response, StatusCode, header};
use tabsweep_dataset::IdxFile;
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncSeekExt, AsyncWriteExt},
};

use crate::{http_client, secret::sha256_hex};

/// The largest packed file is under 10 MB; far more is no MNIST.
const LARGEST_BYTES: u64 = 64 << 20;

/// Where MNIST's four packed files can be had, each at `{mirror}/{name}.gz`.
#[derive(Clone, Debug)]
pub struct Mirrors(pub Vec<String>);

impl Default for Mirrors {
    fn default() -> Self {
        Self(vec![
            "https://storage.googleapis.com/cvdf-datasets/mnist".to_owned(),
            "https://ossci-datasets.s3.amazonaws.com/mnist".to_owned(),
        ])
    }
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// No mirror had the file; the last one's reason.
    #[error("{name} can't be downloaded from any mirror; the last said: {reason}")]
    NoMirror {
        /// The file.
        name: &'static str,
        /// The last failure.
        reason: String,
    },
    /// The disk said no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

/// Why one mirror did not deliver one file.
#[derive(Debug, thiserror::Error)]
enum MirrorError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("the file is larger than {LARGEST_BYTES} bytes")]
    TooLarge,
    #[error("what came is not the file: {0}")]
    WrongContent(String),
}

impl Mirrors {
    /// Downloads the files that `folder` lacks.
    ///
    /// # Errors
    /// No mirror has one of them, or the disk said no.
    pub async fn download(&self, folder: &Path) -> Result<(), DownloadError> {
        fs::create_dir_all(folder)
            .await
            .map_err(|source| DownloadError::Io {
                path: folder.to_owned(),
                source,
            })?;
        let client = http_client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(20))
            .build()
            .map_err(|error| DownloadError::NoMirror {
                name: IdxFile::TrainImages.name(),
                reason: error.to_string(),
            })?;
        for file in IdxFile::ALL {
            let target = folder.join(file.packed_name());
            if !target.is_file() {
                self.download_file(&client, file, &target).await?;
            }
        }
        Ok(())
    }

    async fn download_file(
        &self,
        client: &Client,
        file: IdxFile,
        target: &Path,
    ) -> Result<(), DownloadError> {
        let mut reason = "there is no mirror".to_owned();
        for mirror in &self.0 {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.packed_name());
            match fetch(client, &url, file, target).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    reason = format!("{url}: {error}");
                    tracing::warn!("{reason}");
                }
            }
        }
        Err(DownloadError::NoMirror {
            name: file.name(),
            reason,
        })
    }
}

async fn fetch(
    client: &Client,
    url: &str,
    file: IdxFile,
    target: &Path,
) -> Result<(), MirrorError> {
    let part = target.with_extension("part");
    receive(client, url, &part).await?;
    let packed = fs::read(&part).await?;
    let checked = check(file, &packed);
    if checked.is_err() {
        // Wrong bytes are nothing to resume from.
        fs::remove_file(&part).await?;
    }
    checked?;
    fs::rename(&part, target).await?;
    Ok(())
}

fn check(file: IdxFile, packed: &[u8]) -> Result<(), MirrorError> {
    let unpacked = file
        .unpack(packed)
        .map_err(|error| MirrorError::WrongContent(error.to_string()))?;
    let found = sha256_hex(&unpacked);
    if found == file.mnist_sha256() {
        return Ok(());
    }
    let expected = file.mnist_sha256();
    Err(MirrorError::WrongContent(format!(
        "expected SHA-256 {expected}, found {found}"
    )))
}

/// Appends to what an earlier try left in `part`.
async fn receive(client: &Client, url: &str, part: &Path) -> Result<(), MirrorError> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .await?;
    let mut have = file.metadata().await?.len();
    let mut request = client.get(url);
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let mut response = request.send().await?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {}
        StatusCode::OK => have = start_over(&mut file).await?,
        // All of it is there already; the check will tell.
        StatusCode::RANGE_NOT_SATISFIABLE => return Ok(()),
        status => return Err(MirrorError::Status(status)),
    }
    let bar = progress_bar(url, have, &response);
    while let Some(chunk) = response.chunk().await? {
        have += chunk.len() as u64;
        if have > LARGEST_BYTES {
            return Err(MirrorError::TooLarge);
        }
        file.write_all(&chunk).await?;
        bar.set_position(have);
    }
    file.flush().await?;
    file.sync_all().await?;
    bar.finish_and_clear();
    Ok(())
}

async fn start_over(file: &mut File) -> Result<u64, std::io::Error> {
    file.set_len(0).await?;
    file.seek(SeekFrom::Start(0)).await
}

fn progress_bar(url: &str, have: u64, response: &Response) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}")
        .expect("the template is a constant");
    let total = have + response.content_length().unwrap_or(0);
    let name = url.rsplit('/').next().unwrap_or(url).to_owned();
    ProgressBar::new(total).with_style(style).with_message(name)
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
