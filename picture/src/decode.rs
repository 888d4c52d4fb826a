//! Decides which bytes are a picture, and what its pixels are: upright as EXIF says, what shows
//! through on white paper, colour profiles not looked at. Bytes may come from anybody: a header is
//! held to the limits before there is memory for what it announces.

use thiserror::Error;

use crate::picture::Picture;
use crate::{bmp, jpeg, png, webp};

/// What a picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Encoded bytes.
    pub bytes: usize,
    /// Width times height.
    pub pixels: usize,
}

/// Enough for a camera's photos, and for a phone to have four of them in memory.
impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            pixels: 50_000_000,
        }
    }
}

impl Limits {
    /// Refuses a size that a header announces.
    pub(crate) fn check_pixels(&self, width: usize, height: usize) -> Result<(), DecodeError> {
        if width.saturating_mul(height) > self.pixels {
            return Err(DecodeError::TooManyPixels {
                width,
                height,
                most: self.pixels,
            });
        }
        Ok(())
    }

    /// For what a decoder keeps beside the pixels that it gives: 16 bits for each of four channels.
    pub(crate) fn working_bytes(&self) -> usize {
        self.pixels.saturating_mul(8)
    }
}

/// How a picture is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// WebP; of an animation the first frame.
    WebP,
    /// Windows's bitmap.
    Bmp,
}

impl std::fmt::Display for Format {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
        })
    }
}

/// Why bytes are no picture that can be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The file itself is too large.
    #[error("the file has {bytes} bytes, at most {most} are looked at")]
    TooManyBytes {
        /// Bytes given.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// It begins like nothing that can be read.
    #[error("not a picture: expected PNG, JPEG, WebP or BMP")]
    NoPicture,
    /// It would have too many pixels.
    #[error("the picture has {width} x {height} pixels, at most {most} are looked at")]
    TooManyPixels {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// The limit.
        most: usize,
    },
    /// It stops before its end.
    #[error("the {format} file ends too early")]
    Truncated {
        /// How it is encoded.
        format: Format,
    },
    /// It breaks the rules of its format, or uses what is not supported.
    #[error("the {format} file can't be read: {reason}")]
    Damaged {
        /// How it is encoded.
        format: Format,
        /// The decoder's words.
        reason: String,
    },
}

impl DecodeError {
    /// What a decoder found wrong.
    pub(crate) fn damaged(format: Format, reason: impl ToString) -> Self {
        Self::Damaged {
            format,
            reason: reason.to_string(),
        }
    }
}

/// The picture in `bytes`, whose format is known by how they begin.
///
/// # Errors
/// They are no picture, a damaged one, or one beyond the limits.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(DecodeError::TooManyBytes {
            bytes: bytes.len(),
            most: limits.bytes,
        });
    }
    let raster = match format(bytes).ok_or(DecodeError::NoPicture)? {
        Format::Png => png::decode(bytes, limits),
        Format::Jpeg => jpeg::decode(bytes, limits),
        Format::WebP => webp::decode(bytes, limits),
        Format::Bmp => bmp::decode(bytes, limits),
    };
    Ok(raster?.into_picture())
}

fn format(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some(Format::WebP),
        [b'B', b'M', ..] => Some(Format::Bmp),
        _ => None,
    }
}
