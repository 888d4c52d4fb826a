//! Decides how WebP is read: of an animation the first frame.

use std::io::{self, Cursor};

use image_webp::{DecodingError, WebPDecoder};

use crate::decode::{DecodeError, Format, Limits};
use crate::exif::Orientation;
use crate::raster::{Channels, Raster};

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, DecodeError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    decoder.set_memory_limit(limits.working_bytes());
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    limits.check_pixels(width, height)?;
    let size = decoder.output_buffer_size();
    let size = size.ok_or_else(|| DecodeError::damaged(Format::WebP, "it is too large"))?;
    let mut values = vec![0; size];
    decoder.read_image(&mut values).map_err(fault)?;
    // What EXIF says badly is not said.
    let exif = decoder.exif_metadata().ok().flatten();
    let raster = Raster {
        width,
        height,
        channels: if decoder.has_alpha() {
            Channels::ColoursAndOpacity
        } else {
            Channels::Colours
        },
        values,
        orientation: Orientation::of_exif(&exif.unwrap_or_default()),
    };
    raster.checked(Format::WebP)
}

fn fault(error: DecodingError) -> DecodeError {
    let format = Format::WebP;
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        error => DecodeError::damaged(format, error),
    }
}
