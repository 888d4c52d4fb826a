//! Unpacks gzip when the bytes are gzip, and refuses to unpack more than the caller has room for.
//! It does not know what the bytes mean.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use thiserror::Error;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why bytes that begin like gzip could not be unpacked.
#[derive(Debug, Error)]
pub enum GunzipError {
    /// The file is cut short or its checksum does not match.
    #[error("damaged gzip file: {fault}")]
    Damaged {
        /// What the decoder found.
        fault: std::io::Error,
    },
    /// More bytes would come out than the caller allows.
    #[error("the gzip file unpacks to more than the {largest_bytes} bytes allowed")]
    TooLarge {
        /// The most bytes that may come out.
        largest_bytes: usize,
    },
}

/// The unpacked bytes of a gzip file, or the bytes themselves when they do not begin like one.
///
/// Fails without unpacking further as soon as more than `largest_bytes` came out.
pub fn maybe_gunzip(bytes: &[u8], largest_bytes: usize) -> Result<Cow<'_, [u8]>, GunzipError> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    // One byte beyond the cap tells "just fits" from "too large".
    MultiGzDecoder::new(bytes)
        .take((largest_bytes as u64).saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|fault| GunzipError::Damaged { fault })?;
    if unpacked.len() > largest_bytes {
        return Err(GunzipError::TooLarge { largest_bytes });
    }
    Ok(Cow::Owned(unpacked))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_bytes_pass_through() {
        let bytes = [0, 0, 8, 3];
        assert!(matches!(maybe_gunzip(&bytes, 1), Ok(Cow::Borrowed(same)) if same == bytes));
    }

    #[test]
    fn unpacks_up_to_the_cap_and_no_further() {
        let packed = gzip(&[5; 1000]);
        assert_eq!(maybe_gunzip(&packed, 1000).unwrap().as_ref(), [5; 1000]);
        assert!(matches!(
            maybe_gunzip(&packed, 999),
            Err(GunzipError::TooLarge { largest_bytes: 999 })
        ));
    }

    #[test]
    fn says_when_the_file_is_damaged() {
        let packed = gzip(b"a stretch of text that is long enough to be cut in the middle");
        let cut = &packed[..packed.len() - 9];
        assert!(matches!(
            maybe_gunzip(cut, 1000),
            Err(GunzipError::Damaged { .. })
        ));
        let mut wrong = packed.clone();
        let checksum = packed.len() - 8;
        wrong[checksum] ^= 1;
        assert!(matches!(
            maybe_gunzip(&wrong, 1000),
            Err(GunzipError::Damaged { .. })
        ));
    }
}
