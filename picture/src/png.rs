//! Decides how PNG is read: palettes and packed bits as bytes, of sixteen bits the upper eight.

use std::io::{self, Cursor};

use png::{ColorType, Decoder, DecodingError, Transformations};

use crate::decode::{DecodeError, Format, Limits};
use crate::exif::Orientation;
use crate::raster::{Channels, Raster};

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, DecodeError> {
    let working = png::Limits {
        bytes: limits.working_bytes(),
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), working);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(fault)?;
    limits.check_pixels(header.width as usize, header.height as usize)?;
    let mut reader = decoder.read_info().map_err(fault)?;
    let size = reader.output_buffer_size();
    let size = size.ok_or_else(|| DecodeError::damaged(Format::Png, "it is too large"))?;
    let mut values = vec![0; size];
    let frame = reader.next_frame(&mut values).map_err(fault)?;
    values.truncate(frame.buffer_size());
    let exif = reader.info().exif_metadata.as_deref();
    let raster = Raster {
        width: frame.width as usize,
        height: frame.height as usize,
        channels: match frame.color_type {
            ColorType::Grayscale => Channels::Grey,
            ColorType::GrayscaleAlpha => Channels::GreyAndOpacity,
            ColorType::Rgba => Channels::ColoursAndOpacity,
            ColorType::Rgb | ColorType::Indexed => Channels::Colours,
        },
        values,
        orientation: Orientation::of_exif(exif.unwrap_or_default()),
    };
    raster.checked(Format::Png)
}

fn fault(error: DecodingError) -> DecodeError {
    let format = Format::Png;
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        error => DecodeError::damaged(format, error),
    }
}
