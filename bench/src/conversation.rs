//! The conversation of every runner: it says what it is, then answers one request per line of JSON
//! until its input ends. Knows how requests are written, not how they are met.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tabsweep_bench::peak;
use tabsweep_trainer::ImageSet;

use crate::data::{self, DataError};
use crate::memory;
use crate::product::{Measurement, Product, ProductError, Run, Setting, Work};

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
    Peak { gflops: f64, chains: usize },
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
        Request::Peak { seconds } => highest_peak(seconds),
        Request::Train { setting, seed } => Answer::Trained(product.run(&setting, seed, test)?),
    })
}

/// The best number of chains, each tried for its share of `seconds`.
fn highest_peak(seconds: f64) -> Answer {
    let share = seconds / peak::CHAINS.len() as f64;
    let speeds = peak::CHAINS.map(|chains| (gflops(chains, share), chains));
    let (gflops, chains) = speeds
        .into_iter()
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .expect("there are numbers of chains to try");
    Answer::Peak { gflops, chains }
}

fn gflops(chains: usize, seconds: f64) -> f64 {
    const LINKS: u32 = 1_000_000;
    let start = Instant::now();
    let mut operations = 0;
    while start.elapsed().as_secs_f64() < seconds {
        operations += peak::run(chains, LINKS);
    }
    operations as f64 / start.elapsed().as_secs_f64() / 1e9
}

fn refusal(error: &impl std::error::Error) -> Answer {
    Answer::Error {
        error: error.to_string(),
    }
}
