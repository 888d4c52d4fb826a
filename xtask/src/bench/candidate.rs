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
}

impl Candidate {
    /// The product, wherever it runs.
    pub const PRODUCT: [Self; 3] = [Self::Chromium, Self::Node, Self::Native];

    /// All, in the order of tables.
    pub const ALL: &[Self] = &[Self::Chromium, Self::Node, Self::Native];

    /// Whether it is the product.
    #[must_use]
    pub fn is_product(self) -> bool {
        Self::PRODUCT.contains(&self)
    }

    /// Whether it needs a browser.
    #[must_use]
    pub fn is_in_browser(self) -> bool {
        match self {
            Self::Chromium => true,
            Self::Node | Self::Native => false,
        }
    }

    /// Whether it needs wasm modules.
    #[must_use]
    pub fn is_wasm(self) -> bool {
        self == Self::Node || self.is_in_browser()
    }

    /// Whether it can do such work.
    #[must_use]
    pub fn does(self, work: Work) -> bool {
        match self {
            Self::Chromium | Self::Node | Self::Native => {
                matches!(work, Work::Forward | Work::Step)
            }
        }
    }
}

/// As it is asked for: clap shows defaults by this.
impl fmt::Display for Candidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Chromium => "tabsweep in Chromium",
            Self::Node => "tabsweep in Node.js",
            Self::Native => "tabsweep, native",
        })
    }
}
