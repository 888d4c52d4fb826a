//! MobileNet on photos: what everybody labels, written once, and how fast the product does. Decides
//! that a photo is timed in two ways: as the network's input, which is all that peers are given, and
//! as the file that somebody drops.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use tabsweep_picture::{DecodeError, Limits, decode};
use tabsweep_trainer::TensorFileError;
use tabsweep_trainer::tensor_file::{Dtype, Entry, TensorFile, serialize};
use tabsweep_vision::bundle::BundleFiles;
use tabsweep_vision::{Bundle, BundleError, ClassifyError, PhotoClassifier};

use crate::product::Measurement;

const DESCRIPTION: &[u8] = include_bytes!("../../server/bundles/mobilenet_v1_0.75_192/model.toml");
const DESCRIPTION_FILE: &str = "model.toml";
const LABELS: &str = "labels.txt";
const WEIGHTS: &str = "mobilenet.safetensors";
const PHOTOS: &str = "photos.safetensors";
/// As they lie in the folder that the photos come from.
const ORIGINAL_WEIGHTS: &str = "mobilenet_v1_0.75_192.safetensors";
/// Labels that are found for a file.
const TOP: usize = 5;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The network alone.
    Input,
    /// Decoding and resizing too.
    Photo,
}

/// Why photos can't be labelled.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The weights are none of such a network.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A photo can't be read.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// A photo can't be labelled.
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    /// The file of photos is not what was written.
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
}

/// Writes photos and model into `folder`: `encoded.N`, `input.N` `[height, width, 3]`, and `classes`,
/// the likeliest of each.
///
/// # Errors
/// A file can't be read or written, or is not what it should be.
pub fn write(folder: &Path, imagenet: &Path) -> Result<(), PhotoError> {
    let (labels, weights) = (
        read(&imagenet.join(LABELS))?,
        read(&imagenet.join(ORIGINAL_WEIGHTS))?,
    );
    let mut classifier = classifier(DESCRIPTION, &labels, &weights)?;
    let mut entries = Vec::new();
    let mut classes = Vec::new();
    for (index, path) in photos(&imagenet.join("photos"))?.iter().enumerate() {
        let encoded = read(path)?;
        let picture = classifier.sized(&decode(&encoded, &Limits::default())?);
        let guesses = classifier.classify(&encoded, &Limits::default(), 1)?;
        classes.extend(guesses.iter().map(|guess| guess.class as i32));
        let shape = [picture.height(), picture.width(), 3];
        entries.push(bytes(format!("input.{index}"), &shape, picture.pixels()));
        entries.push(bytes(
            format!("encoded.{index}"),
            &[encoded.len()],
            &encoded,
        ));
    }
    entries.push(Entry {
        name: "classes".to_owned(),
        dtype: Dtype::I32,
        shape: vec![classes.len()],
        bytes: classes
            .iter()
            .flat_map(|class| class.to_le_bytes())
            .collect(),
    });
    for (name, bytes) in [
        (PHOTOS, &serialize(&entries)[..]),
        (WEIGHTS, &weights),
        (LABELS, &labels),
        (DESCRIPTION_FILE, DESCRIPTION),
    ] {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|source| PhotoError::File { path, source })?;
    }
    Ok(())
}

/// In the order of their names.
fn photos(folder: &Path) -> Result<Vec<PathBuf>, PhotoError> {
    let listed = fs::read_dir(folder).and_then(|entries| {
        let paths = entries.map(|entry| Ok(entry?.path()));
        paths.collect::<io::Result<Vec<_>>>()
    });
    let mut paths = listed.map_err(|source| PhotoError::File {
        path: folder.to_owned(),
        source,
    })?;
    paths.sort();
    Ok(paths)
}

fn bytes(name: String, shape: &[usize], bytes: &[u8]) -> Entry {
    Entry {
        name,
        dtype: Dtype::U8,
        shape: shape.to_vec(),
        bytes: bytes.to_vec(),
    }
}

/// Photos and the network that labels them.
#[derive(Debug)]
pub struct Photos {
    classifier: PhotoClassifier,
    inputs: Vec<Vec<u8>>,
    encoded: Vec<Vec<u8>>,
}

impl Photos {
    /// What [`write`] has written.
    ///
    /// # Errors
    /// A file can't be read, or is something else.
    pub fn read(folder: &Path) -> Result<Self, PhotoError> {
        let [description, labels, weights] =
            [DESCRIPTION_FILE, LABELS, WEIGHTS].map(|name| read(&folder.join(name)));
        let photos = read(&folder.join(PHOTOS))?;
        let file = TensorFile::parse(&photos)?;
        let (shape, _) = file.view("classes", Dtype::I32)?;
        let all = |name: &str| {
            (0..shape.iter().product::<usize>())
                .map(|index| Ok(file.view(&format!("{name}.{index}"), Dtype::U8)?.1.to_vec()))
                .collect::<Result<Vec<_>, TensorFileError>>()
        };
        Ok(Self {
            classifier: classifier(&description?, &labels?, &weights?)?,
            inputs: all("input")?,
            encoded: all("encoded")?,
        })
    }

    /// Labels one after the other for `seconds`.
    ///
    /// # Errors
    /// One of them can't be labelled.
    pub fn label_for(&mut self, form: Form, seconds: f64) -> Result<Measurement, PhotoError> {
        let mut measured = Measurement::default();
        let start = Instant::now();
        while measured.seconds < seconds {
            for index in 0..self.inputs.len() {
                self.label(form, index)?;
            }
            measured.images += self.inputs.len() as u64;
            measured.seconds = start.elapsed().as_secs_f64();
        }
        Ok(measured)
    }

    fn label(&mut self, form: Form, index: usize) -> Result<(), PhotoError> {
        match form {
            Form::Input => drop(self.classifier.scores_of_input(&self.inputs[index])?),
            Form::Photo => {
                let (encoded, limits) = (&self.encoded[index], Limits::default());
                self.classifier.classify(encoded, &limits, TOP)?;
            }
        }
        Ok(())
    }
}

fn classifier(
    description: &[u8],
    labels: &[u8],
    weights: &[u8],
) -> Result<PhotoClassifier, BundleError> {
    PhotoClassifier::new(Bundle::parse(BundleFiles {
        description,
        labels,
        weights,
    })?)
}

fn read(path: &Path) -> Result<Vec<u8>, PhotoError> {
    fs::read(path).map_err(|source| PhotoError::File {
        path: path.to_owned(),
        source,
    })
}
