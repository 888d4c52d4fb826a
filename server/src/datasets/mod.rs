//! Where data sets come from: a folder, the cache, a download, our own pen. What one is and how it
//! is split is the dataset crate's business.

mod download;
mod folder;

use std::path::{Path, PathBuf};

use tabsweep_dataset::{DataSet, Split, SplitError, SyntheticDigits, blob};

use crate::{
    blobs::{BlobError, Blobs},
    store::DataManifest,
};
pub use download::{DownloadError, Mirrors};
pub use folder::{FolderError, read_folder, read_mnist, write_folder};

/// Name of the data set that is looked for, downloaded and cached.
pub const MNIST: &str = "mnist";
/// Name of the data set that the program draws itself.
pub const SYNTHETIC_DIGITS: &str = "synthetic-digits";

/// Why a data set can't be had.
#[derive(Debug, thiserror::Error)]
pub enum DataSetError {
    /// The name is none that is known, and no folder either.
    #[error(
        "no data set is called {name:?}; expected \"mnist\", \"synthetic-digits\" or the path of a \
         folder with the four IDX files"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// The folder's files are not a data set.
    #[error(transparent)]
    Folder {
        /// What is wrong with them.
        #[from]
        source: FolderError,
    },
    /// MNIST is in no folder and can't be downloaded.
    #[error("MNIST is neither in a folder that was named nor in the cache, and {source}")]
    Download {
        /// Why not.
        #[from]
        source: DownloadError,
    },
    /// There are too few images.
    #[error(transparent)]
    Split {
        /// How few.
        #[from]
        source: SplitError,
    },
    /// The blobs can't be stored.
    #[error(transparent)]
    Blob {
        /// Why not.
        #[from]
        source: BlobError,
    },
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Folder with MNIST's files, if the operator named one.
    pub mnist_dir: Option<PathBuf>,
    /// Folder for downloads.
    pub cache_dir: PathBuf,
    /// Where downloads come from.
    pub mirrors: Mirrors,
}

impl Sources {
    /// The data set called `name`, from wherever it can be had first.
    ///
    /// # Errors
    /// It can't be had, or its files are damaged.
    pub async fn find(&self, name: &str) -> Result<DataSet, DataSetError> {
        match name {
            MNIST => self.mnist().await,
            SYNTHETIC_DIGITS => Ok(off_the_runtime(|| {
                let drawn = SyntheticDigits::default().draw();
                drawn.expect("the default number of digits is not zero")
            })
            .await),
            path if Path::new(path).is_dir() => {
                let folder = PathBuf::from(path);
                let read = move || read_folder(&folder, folder_name(&folder));
                Ok(off_the_runtime(read).await?)
            }
            _ => Err(DataSetError::Unknown {
                name: name.to_owned(),
            }),
        }
    }

    async fn mnist(&self) -> Result<DataSet, DataSetError> {
        let cache = self.cache_dir.join(MNIST);
        let folder = match &self.mnist_dir {
            Some(named) if folder::is_complete(named) => named.clone(),
            named => {
                if let Some(named) = named {
                    tracing::warn!("{} lacks some of MNIST's four files", named.display());
                }
                if !folder::is_complete(&cache) {
                    self.mirrors.download(&cache).await?;
                }
                cache
            }
        };
        Ok(off_the_runtime(move || read_mnist(&folder)).await?)
    }
}

/// Runs what takes a while where it holds up no socket.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("reading and drawing data sets do not panic")
}

/// Stores a data set as blobs: what workers get packed, what scores only as it is.
///
/// # Errors
/// Too few images, or the disk said no.
pub fn store(data: &DataSet, blobs: &Blobs) -> Result<DataManifest, DataSetError> {
    let split = Split::of(data.train())?;
    let images = data.test().images();
    Ok(DataManifest {
        name: data.name().to_owned(),
        classes: small(data.classes()),
        height: small(images.height()),
        width: small(images.width()),
        training: blobs.put_packed(&blob::encode(&split.training))?,
        validation: blobs.put_packed(&blob::encode(&split.validation))?,
        test: blobs.put(&blob::encode(data.test()))?,
    })
}

/// What a folder's data set is called: its last name, because strangers need not know where the
/// operator keeps things.
fn folder_name(folder: &Path) -> &str {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.unwrap_or("unnamed")
}

fn small(size: usize) -> u32 {
    u32::try_from(size).expect("classes and sides of images are small numbers")
}
