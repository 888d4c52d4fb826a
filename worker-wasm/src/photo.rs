//! Pretrained models at work on somebody's own photo; nothing leaves the tab.

use tabsweep_picture::Limits;
use tabsweep_vision::bundle::BundleFiles;
use tabsweep_vision::{Bundle, Guess, PhotoClassifier as Classifier};
use wasm_bindgen::prelude::*;

/// A bundle that says what is on a photo.
#[wasm_bindgen]
pub struct PhotoClassifier {
    classifier: Classifier,
}

/// A label and how likely it is.
#[wasm_bindgen]
pub struct PhotoLabel {
    guess: Guess,
}

#[wasm_bindgen]
impl PhotoClassifier {
    /// The model in a bundle's three files.
    ///
    /// # Errors
    /// One of them is wrong, or they don't belong together.
    #[wasm_bindgen(constructor)]
    pub fn new(
        description: &[u8],
        labels: &[u8],
        weights: &[u8],
    ) -> Result<PhotoClassifier, JsError> {
        let files = BundleFiles {
            description,
            labels,
            weights,
        };
        let classifier = Classifier::new(Bundle::parse(files)?)?;
        Ok(PhotoClassifier { classifier })
    }

    /// The `top` likeliest labels for an encoded picture (PNG, JPEG, WebP or BMP), likeliest first.
    ///
    /// # Errors
    /// The picture can't be read, or is too large.
    pub fn labels(&mut self, encoded: &[u8], top: usize) -> Result<Vec<PhotoLabel>, JsError> {
        let guesses = self.classifier.classify(encoded, &Limits::default(), top)?;
        Ok(guesses
            .into_iter()
            .map(|guess| PhotoLabel { guess })
            .collect())
    }

    /// The probability of each class for the bytes of the model's input, `[height, width, channels]`.
    ///
    /// # Errors
    /// The input has another size.
    pub fn scores(&mut self, input: &[u8]) -> Result<Vec<f32>, JsError> {
        Ok(self.classifier.scores_of_input(input)?)
    }
}

#[wasm_bindgen]
impl PhotoLabel {
    /// Which class, from 0.
    #[wasm_bindgen(getter, js_name = "classIndex")]
    pub fn class(&self) -> usize {
        self.guess.class
    }

    /// Its name.
    #[wasm_bindgen(getter)]
    pub fn label(&self) -> String {
        self.guess.label.clone()
    }

    /// From 0 to 1.
    #[wasm_bindgen(getter)]
    pub fn score(&self) -> f32 {
        self.guess.score
    }
}
