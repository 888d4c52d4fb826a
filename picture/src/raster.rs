//! Decides how pixels as a decoder gives them become a picture: of one channel, two, three or four,
//! lying in some way, and seen through.

use crate::decode::{DecodeError, Format};
use crate::exif::Orientation;
use crate::picture::Picture;

/// Pixels of eight bits a channel, as they are encoded.
#[derive(Debug)]
pub(crate) struct Raster {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: Channels,
    /// `[height, width, channels]`.
    pub(crate) values: Vec<u8>,
    pub(crate) orientation: Orientation,
}

/// What the channels of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    Grey,
    GreyAndOpacity,
    Colours,
    ColoursAndOpacity,
}

impl Channels {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAndOpacity => 2,
            Self::Colours => 3,
            Self::ColoursAndOpacity => 4,
        }
    }
}

impl Raster {
    /// Refuses pixels that don't fill the size: a decoder's word is not taken for it.
    pub(crate) fn checked(self, format: Format) -> Result<Self, DecodeError> {
        let expected = self.width * self.height * self.channels.count();
        if expected == 0 || self.values.len() != expected {
            let reason = format!("{} bytes, expected {expected}", self.values.len());
            return Err(DecodeError::damaged(format, reason));
        }
        Ok(self)
    }

    /// Upright, on white paper.
    pub(crate) fn into_picture(self) -> Picture {
        let (width, height) = (self.width, self.height);
        let count = self.channels.count();
        if self.channels == Channels::Colours && self.orientation == Orientation::default() {
            return Picture::new(width, height, self.values);
        }
        let (upright_width, upright_height) = self.orientation.upright_size(width, height);
        let mut pixels = Vec::with_capacity(width * height * Picture::CHANNELS);
        for y in 0..upright_height {
            for x in 0..upright_width {
                let (column, row) = self.orientation.source(x, y, (width, height));
                let pixel = &self.values[(row * width + column) * count..][..count];
                pixels.extend(self.channels.on_paper(pixel));
            }
        }
        Picture::new(upright_width, upright_height, pixels)
    }
}

impl Channels {
    /// Red, green and blue of a pixel; what is not opaque lets white through.
    fn on_paper(self, pixel: &[u8]) -> [u8; 3] {
        match self {
            Self::Grey => [pixel[0]; 3],
            Self::GreyAndOpacity => [blended(pixel[0], pixel[1]); 3],
            Self::Colours => [pixel[0], pixel[1], pixel[2]],
            Self::ColoursAndOpacity => [0, 1, 2].map(|part| blended(pixel[part], pixel[3])),
        }
    }
}

/// Over white, rounded to the nearest.
fn blended(value: u8, opacity: u8) -> u8 {
    let opacity = u32::from(opacity);
    let sum = u32::from(value) * opacity + 255 * (255 - opacity);
    ((sum + 127) / 255) as u8
}
