//! Decides what makes a bundle: a description, labels and weights that belong together, and the hash
//! that names the three. It does not know where they are kept.

use tabsweep_trainer::{TensorFileError, sha256_hex};
use thiserror::Error;

use crate::description::{Description, DescriptionError};

/// Most classes that a bundle may tell apart.
const MOST_LABELS: usize = 100_000;

/// A bundle's three files.
#[derive(Clone, Copy, Debug)]
pub struct BundleFiles<'a> {
    /// `model.toml`.
    pub description: &'a [u8],
    /// `labels.txt`.
    pub labels: &'a [u8],
    /// `weights.safetensors`.
    pub weights: &'a [u8],
}

/// A bundle whose description and labels are understood.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    /// What `model.toml` says.
    pub description: Description,
    /// The name of each class, in the order of the network's answers.
    pub labels: Vec<String>,
    /// Safetensors, not looked at yet.
    pub weights: &'a [u8],
}

/// What is wrong with a bundle.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum BundleError {
    /// A file is no text.
    #[error("{file} is not UTF-8 text")]
    NotText {
        /// Which file.
        file: &'static str,
    },
    /// The description is none.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// There are no labels, or too many.
    #[error("labels.txt has {found} lines, expected 2 to {most}")]
    LabelCount {
        /// Lines.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A class has no name.
    #[error("labels.txt, line {line} is empty")]
    EmptyLabel {
        /// From 1.
        line: usize,
    },
    /// The weights are not those of such a network with so many labels.
    #[error("weights.safetensors: {0}")]
    Weights(#[from] TensorFileError),
    /// The setting is none, or has no network for such pictures.
    #[error("model.toml: architecture.setting: {reason}")]
    Setting {
        /// What the trainer says.
        reason: String,
    },
}

impl<'a> Bundle<'a> {
    /// Reads description and labels.
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn parse(files: BundleFiles<'a>) -> Result<Self, BundleError> {
        let description = text("model.toml", files.description)?;
        Ok(Self {
            description: Description::parse(description)?,
            labels: Self::labels(files.labels)?,
            weights: files.weights,
        })
    }

    /// The names in a `labels.txt`, in the order of classes.
    ///
    /// # Errors
    /// It is no text, or has no name for each class.
    pub fn labels(bytes: &[u8]) -> Result<Vec<String>, BundleError> {
        labels(text("labels.txt", bytes)?)
    }
}

impl BundleFiles<'_> {
    /// The SHA-256 that names the bundle: of the names of its files with their hashes, one a line, as
    /// `sha256sum model.toml labels.txt weights.safetensors` prints them.
    #[must_use]
    pub fn sha256(&self) -> String {
        let files = [
            ("model.toml", self.description),
            ("labels.txt", self.labels),
            ("weights.safetensors", self.weights),
        ];
        let line = |(name, bytes)| format!("{}  {name}\n", sha256_hex(bytes));
        sha256_hex(files.map(line).concat().as_bytes())
    }
}

fn text<'a>(file: &'static str, bytes: &'a [u8]) -> Result<&'a str, BundleError> {
    std::str::from_utf8(bytes).map_err(|_| BundleError::NotText { file })
}

fn labels(text: &str) -> Result<Vec<String>, BundleError> {
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if !(2..=MOST_LABELS).contains(&labels.len()) {
        return Err(BundleError::LabelCount {
            found: labels.len(),
            most: MOST_LABELS,
        });
    }
    match labels.iter().position(String::is_empty) {
        Some(index) => Err(BundleError::EmptyLabel { line: index + 1 }),
        None => Ok(labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines_with_a_name_each() {
        assert_eq!(labels("cat\r\nhot dog\n").unwrap(), ["cat", "hot dog"]);
        let empty = labels("cat\n\ndog").unwrap_err();
        assert_eq!(empty, BundleError::EmptyLabel { line: 2 });
        assert!(matches!(
            labels("cat"),
            Err(BundleError::LabelCount { found: 1, .. })
        ));
        let found = text("labels.txt", b"\xff").unwrap_err();
        assert_eq!(found.to_string(), "labels.txt is not UTF-8 text");
    }

    #[test]
    fn every_file_is_part_of_the_name() {
        let files = [b"a", b"b", b"c"];
        let name = |[description, labels, weights]: [&[u8; 1]; 3]| {
            BundleFiles {
                description,
                labels,
                weights,
            }
            .sha256()
        };
        let names = [
            name(files),
            name([b"x", b"b", b"c"]),
            name([b"a", b"x", b"c"]),
            name([b"a", b"b", b"x"]),
        ];
        for (at, one) in names.iter().enumerate() {
            assert!(!names[..at].contains(one));
        }
    }
}
