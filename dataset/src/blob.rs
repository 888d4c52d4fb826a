//! How labelled images travel: one safetensors file with the tensors `images` and `labels`, named by its SHA-256.
//! The same images give the same bytes always. It does not know who fetches them.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors, serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::set::{Images, Labelled, Labels, SetError};

/// The tensor of pixels: u8 `[n, height, width]`.
pub const IMAGES: &str = "images";
/// The tensor of classes: u8 `[n]`.
pub const LABELS: &str = "labels";

/// Why bytes are not labelled images.
#[derive(Debug, Error)]
pub enum BlobError {
    /// The bytes are not a safetensors file.
    #[error("not a safetensors file: {fault}")]
    Unreadable {
        /// What the parser found.
        fault: SafeTensorError,
    },
    /// A tensor is not there.
    #[error("the tensor `{tensor}` is missing")]
    Missing {
        /// Its name.
        tensor: &'static str,
    },
    /// There is a tensor that does not belong.
    #[error("unexpected tensor `{tensor}`")]
    Unexpected {
        /// Its name.
        tensor: String,
    },
    /// A tensor holds something other than bytes.
    #[error("the tensor `{tensor}` is {found}, not U8")]
    WrongType {
        /// Its name.
        tensor: &'static str,
        /// The type found.
        found: Dtype,
    },
    /// A tensor has too many dimensions or too few.
    #[error("the tensor `{tensor}` has shape {found:?}, not {expected}")]
    WrongShape {
        /// Its name.
        tensor: &'static str,
        /// The shape found.
        found: Vec<usize>,
        /// The shape expected.
        expected: &'static str,
    },
    /// The tensors do not fit together.
    #[error("the tensors are no labelled images: {fault}")]
    Unsound {
        /// What is wrong with them.
        fault: SetError,
    },
}

/// Encodes labelled images as safetensors: `images` u8 `[n, height, width]`, `labels` u8 `[n]`, no metadata.
///
/// The same images and labels give the same bytes, whatever the platform.
#[must_use]
pub fn encode(labelled: &Labelled) -> Vec<u8> {
    let images = labelled.images();
    let shape = vec![images.count(), images.height(), images.width()];
    let tensors = [
        (IMAGES, view(shape, images.pixels())),
        (
            LABELS,
            view(vec![labelled.count()], labelled.labels().values()),
        ),
    ];
    serialize(tensors, None).expect("two tensors of bytes can be serialised")
}

fn view(shape: Vec<usize>, bytes: &[u8]) -> TensorView<'_> {
    TensorView::new(Dtype::U8, shape, bytes).expect("the shape is that of the bytes")
}

/// Decodes what [`encode`] made; anything else is an error that names the tensor at fault.
pub fn decode(bytes: &[u8]) -> Result<Labelled, BlobError> {
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|fault| BlobError::Unreadable { fault })?;
    let mut names = tensors.names();
    names.sort_unstable();
    if let Some(name) = names.iter().find(|name| ![IMAGES, LABELS].contains(name)) {
        let tensor = (*name).to_owned();
        return Err(BlobError::Unexpected { tensor });
    }
    let images = tensor(&tensors, IMAGES)?;
    let labels = tensor(&tensors, LABELS)?;
    let &[_, height, width] = images.shape() else {
        return Err(wrong_shape(IMAGES, &images, "[n, height, width]"));
    };
    let &[_] = labels.shape() else {
        return Err(wrong_shape(LABELS, &labels, "[n]"));
    };
    Images::new(height, width, images.data().to_vec())
        .and_then(|images| Labelled::new(images, Labels::new(labels.data().to_vec())))
        .map_err(|fault| BlobError::Unsound { fault })
}

/// How many images are in what [`encode`] made, without a copy of them.
///
/// # Errors
/// The bytes are not a safetensors file with labels.
pub fn count(bytes: &[u8]) -> Result<usize, BlobError> {
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|fault| BlobError::Unreadable { fault })?;
    Ok(tensor(&tensors, LABELS)?.data().len())
}

fn tensor<'a>(tensors: &SafeTensors<'a>, name: &'static str) -> Result<TensorView<'a>, BlobError> {
    let view = tensors
        .tensor(name)
        .map_err(|_| BlobError::Missing { tensor: name })?;
    if view.dtype() != Dtype::U8 {
        return Err(BlobError::WrongType {
            tensor: name,
            found: view.dtype(),
        });
    }
    Ok(view)
}

fn wrong_shape(tensor: &'static str, view: &TensorView<'_>, expected: &'static str) -> BlobError {
    BlobError::WrongShape {
        tensor,
        found: view.shape().to_vec(),
        expected,
    }
}

/// The SHA-256 of the bytes as 64 lower-case hexadecimal digits: the name a blob goes by.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Labelled {
        let images = Images::new(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        Labelled::new(images, Labels::new(vec![9, 0, 4])).unwrap()
    }

    fn blob(tensors: Vec<(&str, TensorView<'_>)>) -> Vec<u8> {
        serialize(tensors, None).unwrap()
    }

    #[test]
    fn the_bytes_are_pinned() {
        let header = concat!(
            r#"{"images":{"dtype":"U8","shape":[3,2,1],"data_offsets":[0,6]},"#,
            r#""labels":{"dtype":"U8","shape":[3],"data_offsets":[6,9]}}"#
        );
        let padded = format!("{header:<width$}", width = header.len().next_multiple_of(8));
        let mut expected = (padded.len() as u64).to_le_bytes().to_vec();
        expected.extend(padded.as_bytes());
        expected.extend([1, 2, 3, 4, 5, 6, 9, 0, 4]);
        assert_eq!(encode(&three()), expected);
    }

    #[test]
    fn decodes_what_was_encoded() {
        assert_eq!(decode(&encode(&three())).unwrap(), three());
    }

    #[test]
    fn refuses_what_is_not_safetensors() {
        let encoded = encode(&three());
        for bytes in [&encoded[..encoded.len() - 1], b"", b"{}"] {
            assert!(matches!(decode(bytes), Err(BlobError::Unreadable { .. })));
        }
    }

    #[test]
    fn names_the_tensor_at_fault() {
        let pixels = || view(vec![2, 1, 1], &[0, 0]);
        let labels = || view(vec![2], &[0, 0]);
        let words = TensorView::new(Dtype::U16, vec![1], &[0, 0]).unwrap();
        let cases = [
            (vec![(IMAGES, pixels())], "the tensor `labels` is missing"),
            (vec![(LABELS, labels())], "the tensor `images` is missing"),
            (
                vec![(IMAGES, pixels()), (LABELS, labels()), ("extra", labels())],
                "unexpected tensor `extra`",
            ),
            (
                vec![(IMAGES, pixels()), (LABELS, words)],
                "the tensor `labels` is U16, not U8",
            ),
            (
                vec![(IMAGES, labels()), (LABELS, labels())],
                "the tensor `images` has shape [2], not [n, height, width]",
            ),
            (
                vec![(IMAGES, pixels()), (LABELS, pixels())],
                "the tensor `labels` has shape [2, 1, 1], not [n]",
            ),
        ];
        for (tensors, message) in cases {
            assert_eq!(decode(&blob(tensors)).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn refuses_counts_that_differ() {
        let bytes = blob(vec![
            (IMAGES, view(vec![2, 1, 1], &[0, 0])),
            (LABELS, view(vec![1], &[0])),
        ]);
        assert!(matches!(
            decode(&bytes),
            Err(BlobError::Unsound {
                fault: SetError::CountsDiffer {
                    images: 2,
                    labels: 1
                }
            })
        ));
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn sha256_of_abc() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
