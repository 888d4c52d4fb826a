//! The conversation of every runner: it says what it is, then answers one request per line of JSON
//! until its input ends. Knows how requests are written, not how they are met.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tabsweep_trainer::{Hyperparameters, ImageSet};

use crate::data::{self, CLASSES, DataError};
use crate::memory;
use crate::product::{Measurement, Product, ProductError, Run, Setting, Work};
use crate::speed::{self, KernelSpeed, Peak};

/// Why the conversation broke off.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// The data can't be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The other side is gone.
    #[error("the conversation broke off: {0}")]
    Line(#[from] io::Error),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Request {
    Measure {
        work: Work,
        setting: Setting,
        seconds: f64,
    },
    Memory,
    Peak {
        seconds: f64,
    },
    Kernels {
        setting: Setting,
        seconds: f64,
    },
    Train {
        setting: Setting,
        seed: u64,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Measured(Measurement),
    Memory { peak_rss_mib: Option<f64> },
    Peak(Peak),
    Kernels(Vec<KernelSpeed>),
    Trained(Run),
    Error { error: String },
}

#[derive(Serialize)]
struct Greeting {
    ready: BTreeMap<String, String>,
}

/// Answers until the input ends. `folder` holds the data.
///
/// # Errors
/// The data can't be read, or the other side is gone.
pub fn answer_all(folder: &Path) -> Result<(), ConversationError> {
    let mut product = Product::new(data::read_training(folder)?);
    let test = data::read_test(folder)?;
    let ready = BTreeMap::new();
    say(&Greeting { ready })?;
    for line in io::stdin().lock().lines() {
        say(&answer(&mut product, &test, &line?))?;
    }
    Ok(())
}

fn say(answer: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    writeln!(out)?;
    out.flush()
}

fn answer(product: &mut Product, test: &ImageSet, line: &str) -> Answer {
    let request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return refusal(&error),
    };
    met(product, test, request).unwrap_or_else(|error| refusal(&error))
}

fn met(product: &mut Product, test: &ImageSet, request: Request) -> Result<Answer, ProductError> {
    Ok(match request {
        Request::Measure {
            work,
            setting,
            seconds,
        } => Answer::Measured(product.measure(work, &setting, seconds)?),
        Request::Memory => Answer::Memory {
            peak_rss_mib: memory::peak_mib(),
        },
        Request::Peak { seconds } => Answer::Peak(speed::highest_peak(seconds)),
        Request::Kernels { setting, seconds } => {
            let setting = Hyperparameters::from_json(&setting)?;
            Answer::Kernels(speed::of_kernels(&setting, CLASSES, test, seconds)?)
        }
        Request::Train { setting, seed } => Answer::Trained(product.run(&setting, seed, test)?),
    })
}

fn refusal(error: &impl std::error::Error) -> Answer {
    Answer::Error {
        error: error.to_string(),
    }
}
