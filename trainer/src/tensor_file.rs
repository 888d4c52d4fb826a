//! Decides how tensors are written to and read from safetensors bytes: same tensors, same bytes;
//! and every fault of bytes from a stranger has a name. It does not know what the tensors mean.

use half::f16;
pub use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};
use thiserror::Error;

/// Why bytes are not the tensors expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TensorFileError {
    /// The bytes are not a safetensors file.
    #[error("not a safetensors file: {reason}")]
    Unreadable {
        /// What the safetensors library says.
        reason: String,
    },
    /// A tensor that belongs there is not.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// The tensor.
        name: String,
    },
    /// A tensor that does not belong there is.
    #[error("tensor `{name}` does not belong here")]
    Unexpected {
        /// The tensor.
        name: String,
    },
    /// A tensor holds another type of number.
    #[error("tensor `{name}` is {found:?}, expected {expected:?}")]
    WrongType {
        /// The tensor.
        name: String,
        /// Its type.
        found: Dtype,
        /// The type it should have.
        expected: Dtype,
    },
    /// A tensor has another shape.
    #[error("tensor `{name}` has shape {found:?}, expected {expected}")]
    WrongShape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape it should have.
        expected: String,
    },
    /// A tensor holds an infinity or a NaN.
    #[error("tensor `{name}` holds a value that is not finite")]
    NotFinite {
        /// The tensor.
        name: String,
    },
}

/// Tensors read from bytes; values are copied out only once type and shape are as expected.
pub struct TensorFile<'a> {
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    /// Reads the header and checks that it describes exactly the bytes there are.
    ///
    /// # Errors
    /// [`TensorFileError::Unreadable`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TensorFileError> {
        let unreadable = |error: safetensors::SafeTensorError| TensorFileError::Unreadable {
            reason: error.to_string(),
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        Ok(Self { tensors })
    }

    /// Checks that there are no tensors but those that `is_expected`.
    ///
    /// # Errors
    /// [`TensorFileError::Unexpected`], naming the first of them in alphabetical order.
    pub fn refuse_unexpected(
        &self,
        is_expected: impl Fn(&str) -> bool,
    ) -> Result<(), TensorFileError> {
        let names = self.tensors.names().into_iter();
        match names.filter(|name| !is_expected(name)).min() {
            None => Ok(()),
            Some(name) => Err(TensorFileError::Unexpected {
                name: name.to_owned(),
            }),
        }
    }

    /// The shape and bytes of the tensor `name`, which must hold `expected`.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn view(
        &self,
        name: &str,
        expected: Dtype,
    ) -> Result<(Vec<usize>, &'a [u8]), TensorFileError> {
        let missing = |_| TensorFileError::Missing {
            name: name.to_owned(),
        };
        let view = self.tensors.tensor(name).map_err(missing)?;
        if view.dtype() != expected {
            return Err(TensorFileError::WrongType {
                name: name.to_owned(),
                found: view.dtype(),
                expected,
            });
        }
        Ok((view.shape().to_vec(), view.data()))
    }

    /// The bytes of the tensor `name`, which must hold `dtype` and have `shape`.
    ///
    /// # Errors
    /// If it is missing, of another type or of another shape.
    pub fn bytes(
        &self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
    ) -> Result<&'a [u8], TensorFileError> {
        let (found, bytes) = self.view(name, dtype)?;
        if found != shape {
            return Err(TensorFileError::WrongShape {
                name: name.to_owned(),
                found,
                expected: format!("{shape:?}"),
            });
        }
        Ok(bytes)
    }

    /// The values of the tensor `name`, which must be finite floats in `shape`.
    ///
    /// # Errors
    /// If it is missing, of another type or shape, or not finite.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorFileError> {
        let (values, _) = self.bytes(name, Dtype::F32, shape)?.as_chunks::<4>();
        let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes));
        all_finite(name, values.collect())
    }

    /// As [`TensorFile::floats`], but the file may hold half precision, which is widened.
    ///
    /// # Errors
    /// As [`TensorFile::floats`].
    pub fn widened_floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorFileError> {
        match self.bytes(name, Dtype::F16, shape) {
            Err(TensorFileError::WrongType { .. }) => self.floats(name, shape),
            halves => {
                let (values, _) = halves?.as_chunks::<2>();
                let values = values
                    .iter()
                    .map(|&bytes| f16::from_le_bytes(bytes).to_f32());
                all_finite(name, values.collect())
            }
        }
    }
}

fn all_finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>, TensorFileError> {
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(TensorFileError::NotFinite {
            name: name.to_owned(),
        })
    }
}

/// A tensor to be written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name, unique in the file.
    pub name: String,
    /// Its type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, little-endian.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// A tensor of floats.
    #[must_use]
    pub fn floats(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        Self {
            name: name.into(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        }
    }
}

/// The bytes of a file of `entries`; among equal types they stand in the order of their names.
///
/// # Panics
/// If an entry's shape does not fit its bytes.
#[must_use]
pub fn serialize(entries: &[Entry]) -> Vec<u8> {
    let views = entries.iter().map(|entry| {
        let view = TensorView::new(entry.dtype, entry.shape.clone(), &entry.bytes)
            .expect("an entry's shape fits its bytes");
        (&entry.name, view)
    });
    // No metadata: the library would write it in the random order of a hash map.
    safetensors::serialize(views, None).expect("a header of this size can be written")
}
