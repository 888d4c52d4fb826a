//! The conversation of every runner: it says what it is, then answers one request per line of JSON
//! until its input ends. Knows how requests are written, not how they are met.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tabsweep_trainer::{Hyperparameters, ImageSet};

use crate::data::{self, CLASSES, DataError};
use crate::memory;
use crate::photos::{Form, PhotoError, Photos};
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
    Label {
        from: Form,
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
    let mut subjects = Subjects {
        folder,
        product: Product::new(data::read_training(folder)?),
        test: data::read_test(folder)?,
        photos: None,
    };
    let ready = BTreeMap::new();
    say(&Greeting { ready })?;
    for line in io::stdin().lock().lines() {
        say(&subjects.answer(&line?))?;
    }
    Ok(())
}

fn say(answer: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    writeln!(out)?;
    out.flush()
}

/// What is measured here.
struct Subjects<'a> {
    folder: &'a Path,
    product: Product,
    test: ImageSet,
    /// Read when they are first asked for: not everybody has them.
    photos: Option<Photos>,
}

/// Why a request could not be met.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Unmet {
    Request(#[from] serde_json::Error),
    Product(#[from] ProductError),
    Photo(#[from] PhotoError),
}

impl Subjects<'_> {
    fn answer(&mut self, line: &str) -> Answer {
        self.met(line).unwrap_or_else(|unmet| Answer::Error {
            error: unmet.to_string(),
        })
    }

    fn met(&mut self, line: &str) -> Result<Answer, Unmet> {
        let product = &mut self.product;
        Ok(match serde_json::from_str(line)? {
            Request::Measure {
                work,
                setting,
                seconds,
            } => Answer::Measured(product.measure(work, &setting, seconds)?),
            Request::Label { from, seconds } => {
                Answer::Measured(self.photos()?.label_for(from, seconds)?)
            }
            Request::Memory => Answer::Memory {
                peak_rss_mib: memory::peak_mib(),
            },
            Request::Peak { seconds } => Answer::Peak(speed::highest_peak(seconds)),
            Request::Kernels { setting, seconds } => {
                let setting = Hyperparameters::from_json(&setting).map_err(ProductError::from)?;
                let speeds = speed::of_kernels(&setting, CLASSES, &self.test, seconds);
                Answer::Kernels(speeds.map_err(ProductError::from)?)
            }
            Request::Train { setting, seed } => {
                Answer::Trained(product.run(&setting, seed, &self.test)?)
            }
        })
    }

    fn photos(&mut self) -> Result<&mut Photos, PhotoError> {
        let photos = match self.photos.take() {
            Some(photos) => photos,
            None => Photos::read(self.folder)?,
        };
        Ok(self.photos.insert(photos))
    }
}
