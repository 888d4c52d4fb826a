//! Decides which way up a picture is.

use image::metadata::Orientation;

/// What a chunk of EXIF says; as it is where the chunk says nothing that can be read.
pub(crate) fn orientation(chunk: &[u8]) -> Orientation {
    // Some writers keep JPEG's own mark in front.
    let chunk = chunk.strip_prefix(b"Exif\0\0").unwrap_or(chunk);
    Orientation::from_exif_chunk(chunk).unwrap_or(Orientation::NoTransforms)
}
