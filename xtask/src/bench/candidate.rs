//! Who is measured: the product wherever it runs, and its peers.
//! Knows their names and what they can do, not how they are started.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use crate::bench::request::Work;

/// Somebody who trains or classifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// The product in a Web Worker
    Chromium,
    /// The product's wasm module in Node.js
    Node,
    /// The product's trainer, compiled for this machine's kind
    Native,
    /// PyTorch in the fastest of several ways
    PytorchBest,
    /// PyTorch as people write it
    PytorchAsWritten,
    /// Stock candle in a Web Worker
    Candle,
    /// TensorFlow.js with its wasm backend in a Web Worker
    Tfjs,
    /// ONNX Runtime Web with its wasm backend in a Web Worker
    Ort,
}

impl Candidate {
    /// The product, wherever it runs.
    pub const PRODUCT: [Self; 3] = [Self::Chromium, Self::Node, Self::Native];

    /// Those that the product's training is compared with.
    pub const PEERS: [Self; 4] = [
        Self::PytorchBest,
        Self::PytorchAsWritten,
        Self::Candle,
        Self::Tfjs,
    ];

    /// Those that its labelling is compared with.
    pub const LABELLING_PEERS: [Self; 2] = [Self::Tfjs, Self::Ort];

    /// Whether it is the product.
    #[must_use]
    pub fn is_product(self) -> bool {
        Self::PRODUCT.contains(&self)
    }

    /// Whether it can do such work on every model that is trained.
    #[must_use]
    pub fn does(self, work: Work) -> bool {
        match self {
            // It has no gradient of a convolution in wasm.
            Self::Tfjs => work == Work::Forward,
            // Its runner labels only.
            Self::Ort => false,
            _ => true,
        }
    }

    /// Whether it needs a browser.
    #[must_use]
    pub fn is_in_browser(self) -> bool {
        matches!(self, Self::Chromium | Self::Candle | Self::Tfjs | Self::Ort)
    }

    /// Whether it needs our wasm modules or npm's packages.
    #[must_use]
    pub fn is_script(self) -> bool {
        self == Self::Node || self.is_in_browser()
    }

    /// Whether it needs Python.
    #[must_use]
    pub fn is_pytorch(self) -> bool {
        matches!(self, Self::PytorchBest | Self::PytorchAsWritten)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Chromium => "tabsweep in Chromium",
            Self::Node => "tabsweep in Node.js",
            Self::Native => "tabsweep, native",
            Self::PytorchBest => "PyTorch, best configured",
            Self::PytorchAsWritten => "PyTorch, as written",
            Self::Candle => "candle in Chromium",
            Self::Tfjs => "TensorFlow.js wasm in Chromium",
            Self::Ort => "ONNX Runtime Web wasm in Chromium",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_product_or_peer() {
        for candidate in Candidate::value_variants() {
            let is_peer = Candidate::PEERS.contains(candidate)
                || Candidate::LABELLING_PEERS.contains(candidate);
            assert_ne!(candidate.is_product(), is_peer, "{candidate}");
        }
    }
}
