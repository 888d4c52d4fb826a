//! The benchmarks' module as JavaScript sees it.
//! Passes calls on; decides nothing.

use wasm_bindgen::prelude::*;

use crate::peak;

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
