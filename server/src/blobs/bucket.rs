//! Blobs as objects of an S3-compatible store, under one prefix. Where it is and how one signs is
//! taken from the usual environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and so on).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use object_store::{
    Error, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};
use tokio::runtime::Handle;

use super::BlobError;

/// Objects that are written at once.
const AT_ONCE: usize = 16;
/// How long an object is tried again for.
const TRIED_FOR: Duration = Duration::from_secs(15);
/// Hosts that are reached without leaving the machine: there plain HTTP gives nothing away.
const LOOPBACK: [&str; 3] = ["http://127.0.0.1", "http://localhost", "http://[::1]"];

/// A prefix in a bucket. Its methods block, and are called where blocking is allowed.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
}

impl Bucket {
    /// The folder `folder` under `url`, `s3://BUCKET/PREFIX`.
    pub(super) fn open(url: &str, folder: &str) -> Result<Self, BlobError> {
        crate::http_client::install_provider();
        let retry = RetryConfig {
            retry_timeout: TRIED_FOR,
            ..RetryConfig::default()
        };
        let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        let is_loopback = endpoint
            .is_some_and(|endpoint| LOOPBACK.iter().any(|start| endpoint.starts_with(start)));
        let builder = if is_loopback {
            builder.with_allow_http(true)
        } else {
            builder
        };
        let store = builder.build().map_err(bucket_error("opening", url))?;
        let prefix = url.trim_start_matches("s3://");
        let prefix = prefix.split_once('/').map_or("", |(_, prefix)| prefix);
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::from(prefix).join(folder),
            runtime: Handle::current(),
        })
    }

    /// Writes objects; those that are there already are the same.
    pub(super) fn write(&self, objects: &[(String, Bytes)]) -> Vec<Result<(), BlobError>> {
        let writing = stream::iter(objects).map(async |(name, bytes)| {
            let place = self.place(name);
            let put = self.store.put(&place, bytes.clone().into()).await;
            put.map(drop).map_err(bucket_error("writing", name))
        });
        self.runtime.block_on(writing.buffered(AT_ONCE).collect())
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError> {
        let read = self.runtime.block_on(async {
            let object = self.store.get(&self.place(name)).await?;
            object.bytes().await
        });
        match read {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(bucket_error("reading", name)(error)),
        }
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), BlobError> {
        let place = self.place(name);
        match self.runtime.block_on(self.store.delete(&place)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(bucket_error("deleting", name)(error)),
        }
    }

    fn place(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

fn bucket_error(action: &'static str, name: &str) -> impl FnOnce(Error) -> BlobError + use<> {
    let name = name.to_owned();
    move |source| BlobError::Bucket {
        action,
        name,
        source,
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn objects_are_kept_under_the_prefix_and_found_again() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket {
            store: store.clone(),
            prefix: Path::from("sweeps/uploads"),
            runtime: Handle::current(),
        };
        let objects: Vec<_> = (0..40)
            .map(|number| (format!("{number}"), Bytes::from(format!("bytes {number}"))))
            .collect();
        tokio::task::spawn_blocking(move || {
            assert!(bucket.write(&objects).iter().all(Result::is_ok));
            assert_eq!(bucket.read("39").unwrap().unwrap(), b"bytes 39");
            bucket.remove("39").unwrap();
            bucket.remove("39").unwrap();
            assert_eq!(bucket.read("39").unwrap(), None);
        })
        .await
        .unwrap();
        assert!(store.get(&Path::from("sweeps/uploads/38")).await.is_ok());
    }
}
