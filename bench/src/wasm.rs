//! The benchmarks' module as JavaScript sees it.
//! Passes calls on; decides nothing.

use wasm_bindgen::prelude::*;

use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::{Hyperparameters, TrainingData};

use crate::kernels::{self, Kernel};
use crate::peak;
use crate::stock::Stock;

/// The numbers of chains that [`peak_run`] takes.
#[wasm_bindgen]
pub fn peak_chains() -> Vec<usize> {
    peak::CHAINS.to_vec()
}

/// Follows chains of multiplications and additions; the floating-point operations done.
#[wasm_bindgen]
pub fn peak_run(chains: usize, links: u32) -> f64 {
    peak::run(chains, links) as f64
}

/// A training with stock candle in the hands of JavaScript.
#[wasm_bindgen]
pub struct StockSession {
    stock: Stock,
}

#[wasm_bindgen]
impl StockSession {
    /// Begins a training. `setting` is a JSON object of hyper-parameters, the images safetensors.
    ///
    /// # Errors
    /// Something is not what it should be.
    #[wasm_bindgen(constructor)]
    pub fn new(
        setting: &str,
        training: Vec<u8>,
        validation: Vec<u8>,
        classes: usize,
    ) -> Result<StockSession, JsError> {
        let setting = Hyperparameters::from_json(&serde_json::from_str(setting)?)?;
        let data = TrainingData::from_blobs(training, validation, classes)?;
        let stock = Stock::new(setting, data)?;
        Ok(StockSession { stock })
    }

    /// One step; the images trained with.
    ///
    /// # Errors
    /// Candle's.
    pub fn step(&mut self) -> Result<usize, JsError> {
        Ok(self.stock.step()?)
    }

    /// Classifies one batch of validation images; how many.
    ///
    /// # Errors
    /// Candle's.
    pub fn classify(&mut self) -> Result<usize, JsError> {
        Ok(self.stock.classify()?)
    }
}

/// The trainer's kernels, each with memory of its own.
#[wasm_bindgen]
pub struct Kernels {
    kernels: Vec<Kernel>,
}

#[wasm_bindgen]
impl Kernels {
    /// The kernels of a training step. `setting` is a JSON object of hyper-parameters.
    ///
    /// # Errors
    /// It is no setting, or has no model for such images.
    #[wasm_bindgen(constructor)]
    pub fn new(
        setting: &str,
        classes: usize,
        height: usize,
        width: usize,
    ) -> Result<Kernels, JsError> {
        let setting = Hyperparameters::from_json(&serde_json::from_str(setting)?)?;
        let kernels = kernels::all(&setting, classes, (height, width), Width::widest())?;
        Ok(Kernels { kernels })
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<String> {
        let name = |kernel: &Kernel| kernel.name().to_owned();
        self.kernels.iter().map(name).collect()
    }

    /// Calls one `times` times; the operations done.
    pub fn call(&mut self, index: usize, times: u32) -> f64 {
        let kernel = &mut self.kernels[index];
        for _ in 0..times {
            kernel.call();
        }
        kernel.operations() as f64 * f64::from(times)
    }
}
