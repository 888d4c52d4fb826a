//! Decides what a picture is: pixels of red, green and blue, row by row. It does not know how they
//! were encoded.

/// A picture that is ready to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// Bytes of a pixel.
    pub const CHANNELS: usize = 3;

    /// A picture of `[height, width, 3]` bytes: red, green, blue.
    ///
    /// # Panics
    /// If there are no pixels, or more or fewer bytes than they need.
    #[must_use]
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert!(width > 0 && height > 0, "a picture has pixels");
        assert_eq!(pixels.len(), width * height * Self::CHANNELS);
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// `[height, width, 3]`: red, green, blue.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// `[height, width]`: how light each pixel is (ITU-R BT.601, in steps of 2⁻¹⁶, rounded).
    #[must_use]
    pub fn grey(&self) -> Vec<u8> {
        let (pixels, _) = self.pixels.as_chunks::<3>();
        let light = |&[red, green, blue]: &[u8; 3]| {
            let parts =
                19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
            ((parts + (1 << 15)) >> 16) as u8
        };
        pixels.iter().map(light).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_keeps_black_white_and_the_weights_of_colours() {
        let pixels = vec![0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255];
        let picture = Picture::new(5, 1, pixels);
        assert_eq!(picture.grey(), [0, 255, 76, 150, 29]);
    }
}
