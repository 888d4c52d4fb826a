//! Decides which bytes are a picture, and what its pixels are: upright as EXIF says, what shows
//! through on white paper, colour profiles not looked at. Bytes may come from anybody: a header is
//! held to the limits before anything is unpacked.

use std::io::{self, Cursor};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageResult, RgbImage,
    codecs::{bmp::BmpDecoder, png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use thiserror::Error;

use crate::{exif, jpeg, picture::Picture};

/// What a picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Encoded bytes.
    pub bytes: usize,
    /// Width times height.
    pub pixels: u64,
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
        width: u64,
        /// Rows.
        height: u64,
        /// The limit.
        most: u64,
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
    let reader = || Cursor::new(bytes);
    match format(bytes)? {
        Format::Jpeg => jpeg::decode(bytes, limits),
        Format::Png => unpack(Format::Png, PngDecoder::new(reader()), limits),
        Format::WebP => unpack(Format::WebP, WebPDecoder::new(reader()), limits),
        Format::Bmp => unpack(Format::Bmp, BmpDecoder::new(reader()), limits),
    }
}

fn format(bytes: &[u8]) -> Result<Format, DecodeError> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => Ok(Format::Png),
        Ok(ImageFormat::Jpeg) => Ok(Format::Jpeg),
        Ok(ImageFormat::WebP) => Ok(Format::WebP),
        Ok(ImageFormat::Bmp) => Ok(Format::Bmp),
        _ => Err(DecodeError::NoPicture),
    }
}

fn unpack(
    format: Format,
    decoder: ImageResult<impl ImageDecoder>,
    limits: &Limits,
) -> Result<Picture, DecodeError> {
    let fault = |error| fault(format, error);
    let mut decoder = decoder.map_err(fault)?;
    let (width, height) = decoder.dimensions();
    limits.check_pixels(width.into(), height.into())?;
    decoder.set_limits(limits.allocation()).map_err(fault)?;
    // What EXIF says badly is not said.
    let orientation = match decoder.exif_metadata() {
        Ok(Some(chunk)) => exif::orientation(&chunk),
        _ => Orientation::NoTransforms,
    };
    let image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    Ok(upright(image, orientation))
}

impl Limits {
    /// Refuses what a header announces, before there is memory for it.
    pub(crate) fn check_pixels(&self, width: u64, height: u64) -> Result<(), DecodeError> {
        if width.saturating_mul(height) > self.pixels {
            return Err(DecodeError::TooManyPixels {
                width,
                height,
                most: self.pixels,
            });
        }
        Ok(())
    }

    /// For what a decoder needs at a time: 16 bits for each of four channels, twice.
    fn allocation(&self) -> image::Limits {
        let mut limits = image::Limits::no_limits();
        limits.max_alloc = Some(self.pixels.saturating_mul(16));
        limits
    }
}

/// Turned and mirrored until up is up, on white paper.
pub(crate) fn upright(mut image: DynamicImage, orientation: Orientation) -> Picture {
    image.apply_orientation(orientation);
    let image = if image.color().has_alpha() {
        on_paper(image)
    } else {
        image.into_rgb8()
    };
    let (width, height) = image.dimensions();
    Picture::new(width as usize, height as usize, image.into_raw())
}

/// What is not opaque lets white through, rounded to the nearest.
fn on_paper(image: DynamicImage) -> RgbImage {
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let (pixels, _) = image.as_raw().as_chunks::<4>();
    let blended = pixels.iter().flat_map(|&[red, green, blue, opacity]| {
        let opacity = u32::from(opacity);
        let blend = |part: u8| {
            let sum = u32::from(part) * opacity + 255 * (255 - opacity);
            ((sum + 127) / 255) as u8
        };
        [blend(red), blend(green), blend(blue)]
    });
    let pixels = blended.collect();
    RgbImage::from_raw(width, height, pixels).expect("three bytes for each pixel")
}

fn fault(format: Format, error: ImageError) -> DecodeError {
    let ends_early = matches!(&error, ImageError::IoError(error)
        if error.kind() == io::ErrorKind::UnexpectedEof);
    if ends_early || error.to_string().contains("end of file") {
        DecodeError::Truncated { format }
    } else {
        DecodeError::Damaged {
            format,
            reason: error.to_string(),
        }
    }
}
