//! Verified weights at work on somebody's own picture; nothing leaves the tab.

use tabsweep_trainer::{Hyperparameters, Model};
use wasm_bindgen::prelude::*;

/// A model that says what is on a picture.
#[wasm_bindgen]
pub struct Classifier {
    model: Model,
    /// Bytes of one image.
    pixels: usize,
}

#[wasm_bindgen]
impl Classifier {
    /// A model of the shape that `setting` (a JSON object of hyper-parameters) fixes.
    ///
    /// # Errors
    /// The weights are not of that shape.
    #[wasm_bindgen(constructor)]
    pub fn new(
        setting: &str,
        classes: usize,
        height: usize,
        width: usize,
        weights: &[u8],
    ) -> Result<Classifier, JsError> {
        let hyperparameters = Hyperparameters::from_json(&serde_json::from_str(setting)?)?;
        let model = Model::load(&hyperparameters, classes, height, width, weights)?;
        let pixels = height * width;
        Ok(Classifier { model, pixels })
    }

    /// Probabilities of all classes for images of height × width pixels, white on black: `[images,
    /// classes]`.
    ///
    /// # Errors
    /// An image has another size.
    pub fn probabilities(&self, images: &[u8]) -> Result<Vec<f32>, JsError> {
        let count = images.len() / self.pixels;
        Ok(self.model.probabilities(images, count)?)
    }
}
