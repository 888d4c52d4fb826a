//! Digits found in a picture, in the hands of JavaScript.

use tabsweep_handwriting::{Digit, Reading};
use wasm_bindgen::prelude::*;

/// What was found in a picture of handwriting: one digit or several, in reading order.
#[wasm_bindgen]
pub struct Handwriting {
    reading: Reading,
}

#[wasm_bindgen]
impl Handwriting {
    /// Reads a picture of `[height, width, 4]` bytes: red, green, blue, opacity.
    ///
    /// # Errors
    /// There is nothing in the picture, or its size is not that of its bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(rgba: &[u8], width: usize, height: usize) -> Result<Handwriting, JsError> {
        let reading = Reading::of(rgba, width, height)?;
        Ok(Handwriting { reading })
    }

    /// The picture without shading, dark on white, `[height, width]`.
    pub fn evened(&self) -> Vec<u8> {
        self.reading.evened.clone()
    }

    /// The ink of all digits, white on black, `[height, width]`.
    pub fn ink(&self) -> Vec<u8> {
        self.reading.ink.clone()
    }

    /// Where the digits are: `[digits, 4]`, left, top, right, bottom.
    pub fn areas(&self) -> Vec<u32> {
        let sides = |digit: &Digit| {
            let area = digit.area;
            [area.left, area.top, area.right, area.bottom].map(|side| side as u32)
        };
        self.reading.digits.iter().flat_map(sides).collect()
    }

    /// The digits fitted into 20×20, white on black: `[digits, 20, 20]`.
    pub fn fitted(&self) -> Vec<u8> {
        let digits = self.reading.digits.iter();
        digits
            .flat_map(|digit| digit.fitted.iter().copied())
            .collect()
    }

    /// The digits as models see them: `[digits, 28, 28]`.
    pub fn pixels(&self) -> Vec<u8> {
        let digits = self.reading.digits.iter();
        digits
            .flat_map(|digit| digit.pixels.iter().copied())
            .collect()
    }
}
