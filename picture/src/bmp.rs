//! Decides how BMP is read.

use zune_bmp::{BmpDecoder, BmpDecoderErrors};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use crate::decode::{DecodeError, Format, Limits};
use crate::exif::Orientation;
use crate::raster::{Channels, Raster};

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, DecodeError> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(limits.pixels)
        .set_max_height(limits.pixels);
    let mut decoder = BmpDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().expect("headers are decoded");
    limits.check_pixels(width, height)?;
    let values = decoder.decode().map_err(fault)?;
    let raster = Raster {
        width,
        height,
        channels: match decoder.colorspace() {
            Some(ColorSpace::RGBA) => Channels::ColoursAndOpacity,
            Some(ColorSpace::Luma) => Channels::Grey,
            _ => Channels::Colours,
        },
        values,
        orientation: Orientation::default(),
    };
    raster.checked(Format::Bmp)
}

fn fault(error: BmpDecoderErrors) -> DecodeError {
    let format = Format::Bmp;
    match error {
        BmpDecoderErrors::IoErrors(_) => DecodeError::Truncated { format },
        error => DecodeError::damaged(format, format_args!("{error:?}")),
    }
}
