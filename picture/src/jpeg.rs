//! Decides how JPEG is read: by zune-jpeg's plain code, whose integers are the same everywhere, and
//! strictly, because what is cut off would otherwise be grey.

use image::{DynamicImage, RgbImage};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use crate::decode::{DecodeError, Format, Limits, upright};
use crate::exif;
use crate::picture::Picture;

/// The longest side there is in JPEG.
const LONGEST: usize = 65_535;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, DecodeError> {
    let options = DecoderOptions::default()
        .set_use_unsafe(false)
        .set_strict_mode(true)
        .set_max_width(LONGEST)
        .set_max_height(LONGEST)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().expect("headers are decoded");
    limits.check_pixels(width as u64, height as u64)?;
    let pixels = decoder.decode().map_err(fault)?;
    let image = RgbImage::from_raw(width as u32, height as u32, pixels).ok_or_else(|| {
        DecodeError::Damaged {
            format: Format::Jpeg,
            reason: "its colours can't be read".to_owned(),
        }
    })?;
    let orientation = exif::orientation(decoder.exif().map_or(&[], Vec::as_slice));
    Ok(upright(DynamicImage::ImageRgb8(image), orientation))
}

fn fault(error: DecodeErrors) -> DecodeError {
    let format = Format::Jpeg;
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            DecodeError::Truncated { format }
        }
        error => DecodeError::Damaged {
            format,
            reason: error.to_string(),
        },
    }
}
