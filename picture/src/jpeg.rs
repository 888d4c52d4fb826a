//! Decides how JPEG is read: by zune-jpeg's plain code, whose integers are the same everywhere, and
//! strictly, because what is cut off would otherwise be grey.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use crate::decode::{DecodeError, Format, Limits};
use crate::exif::Orientation;
use crate::raster::{Channels, Raster};

/// The longest side there is in JPEG.
const LONGEST: usize = 65_535;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, DecodeError> {
    let options = DecoderOptions::default()
        .set_use_unsafe(false)
        .set_strict_mode(true)
        .set_max_width(LONGEST)
        .set_max_height(LONGEST)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().expect("headers are decoded");
    limits.check_pixels(width, height)?;
    let values = decoder.decode().map_err(fault)?;
    let raster = Raster {
        width,
        height,
        channels: Channels::Colours,
        values,
        orientation: Orientation::of_exif(decoder.exif().map_or(&[], Vec::as_slice)),
    };
    raster.checked(Format::Jpeg)
}

fn fault(error: DecodeErrors) -> DecodeError {
    let format = Format::Jpeg;
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            DecodeError::Truncated { format }
        }
        error => DecodeError::damaged(format, error),
    }
}
