//! Decides the bytes of a safetensors file with metadata. The library would write metadata in the
//! random order of a hash map; here the same model gives the same bytes.

use std::collections::BTreeMap;

use tabsweep_trainer::architecture::TensorSpec;
use tabsweep_trainer::checkpoint::weight_entries;
use tabsweep_trainer::tensor_file::serialize;

/// Bytes of the number that tells the header's length.
const LENGTH: usize = 8;

/// A file of the tensors alone.
pub(crate) fn plain(tensors: &[(TensorSpec, Vec<f32>)]) -> Vec<u8> {
    serialize(&weight_entries(tensors))
}

/// `file` with text in its header.
pub(crate) fn with_metadata(file: &[u8], metadata: &BTreeMap<&str, String>) -> Vec<u8> {
    let (header, values) = split(file);
    let metadata = serde_json::to_string(metadata).expect("text is JSON");
    let mut header = format!("{{\"__metadata__\":{metadata},{}", &header[1..]);
    // Values begin at a multiple of 8, so that they can be used where they lie.
    let padding = header.len().next_multiple_of(LENGTH) - header.len();
    header.extend(std::iter::repeat_n(' ', padding));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// A file's header, and its values.
fn split(file: &[u8]) -> (&str, &[u8]) {
    let (length, rest) = file.split_at(LENGTH);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    let length = usize::try_from(length).expect("a header in memory");
    let (header, values) = rest.split_at(length);
    let header = std::str::from_utf8(header).expect("a header that was just written");
    (header.trim_end(), values)
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;
    use tabsweep_trainer::tensor_file::Entry;

    use super::*;

    #[test]
    fn metadata_is_read_back_and_values_stay() {
        let file = serialize(&[
            Entry::floats("bias", &[2], &[0.5, -1.0]),
            Entry::floats("weight", &[1, 3], &[1.0, 2.0, 3.0]),
        ]);
        let metadata = BTreeMap::from([("study", "a \"quoted\" ✓".to_owned())]);
        let written = with_metadata(&file, &metadata);
        let (_, read) = SafeTensors::read_metadata(&written).unwrap();
        let text = read.metadata().clone().unwrap();
        assert_eq!(text["study"], metadata["study"]);
        let tensors = SafeTensors::deserialize(&written).unwrap();
        let bias = tensors.tensor("bias").unwrap();
        assert_eq!(bias.data(), [0.5_f32, -1.0].map(f32::to_le_bytes).concat());
        assert_eq!(tensors.tensor("weight").unwrap().shape(), [1, 3]);
        let (_, values) = split(&written);
        assert_eq!((written.len() - values.len()) % LENGTH, 0);
    }
}
