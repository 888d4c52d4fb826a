//! `cargo xtask bench train`: images per second, round by round, everybody in turn.
//! Decides the order, in which noise hits all alike; does not know how anybody computes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::BenchError;
use crate::bench::candidate::Candidate;
use crate::bench::case::{BATCHES, Case};
use crate::bench::figures::Rounds;
use crate::bench::files;
use crate::bench::machine::Machine;
use crate::bench::report::Report;
use crate::bench::request::{KernelSpeed, Measurement, Memory, Peak, Request, Work};
use crate::bench::runner::{Runner, RunnerError};
use crate::bench::setup::{Setup, Wanted};
use crate::workspace::Workspace;

/// Browsers compile a module again, and better, while it runs.
const WARM_UP_SECS: f64 = 2.0;
/// Each of a few numbers of chains gets its share.
const PEAK_SECS: f64 = 3.0;
/// Kernels differ by far more than the clock's noise.
const KERNEL_SECS: f64 = 0.6;
/// Images in a call of a kernel.
pub const KERNEL_BATCH: usize = 64;
/// The case and batch whose memory is measured: the larger model, the smaller batch.
const MEMORY_CASE: (Case, usize) = (Case::C, 64);

/// What to measure, and for how long.
#[derive(Debug, Args)]
pub struct TrainOptions {
    /// Measures only there
    #[arg(long = "in", value_enum, value_name = "WHERE", value_delimiter = ',', default_values_t = Candidate::PRODUCT)]
    places: Vec<Candidate>,
    /// Measures PyTorch, stock candle and TensorFlow.js too, in the same rounds
    #[arg(long)]
    peers: bool,
    /// Measures these cases only
    #[arg(long, value_enum, value_name = "CASE", value_delimiter = ',', default_values_t = [Case::A, Case::B, Case::C])]
    cases: Vec<Case>,
    /// Measures these batches only
    #[arg(long, value_name = "IMAGES", value_delimiter = ',', default_values_t = BATCHES)]
    batches: Vec<usize>,
    /// How often everything is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long each measurement takes
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Folder with the four files of MNIST; without it, synthetic digits are drawn
    #[arg(long, value_name = "DIR", env = "TABSWEEP_MNIST_DIR")]
    mnist: Option<PathBuf>,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl TrainOptions {
    fn candidates(&self) -> Vec<Candidate> {
        let peers = Candidate::PEERS.into_iter().filter(|_| self.peers);
        let mut candidates: Vec<_> = self.places.iter().copied().chain(peers).collect();
        candidates.sort();
        candidates.dedup();
        candidates
    }

    /// The cases whose kernels are measured: (a) has none that (b) has not.
    fn kernel_cases(&self) -> Vec<Case> {
        let mut cases = self.cases.clone();
        if cases.contains(&Case::B) {
            cases.retain(|case| *case != Case::A);
        }
        cases
    }

    /// In the order of a round: those that are compared follow each other.
    fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        for &case in &self.cases {
            for &batch in &self.batches {
                for work in [Work::Forward, Work::Step] {
                    for candidate in self.candidates() {
                        slots.push(Slot {
                            case,
                            batch,
                            work,
                            candidate,
                        });
                    }
                }
            }
        }
        slots.retain(|slot| slot.candidate.does(slot.work));
        slots
    }
}

/// One thing that is measured in every round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The model and its training.
    pub case: Case,
    /// Images at a time.
    pub batch: usize,
    /// What is done.
    pub work: Work,
    /// Who does it.
    pub candidate: Candidate,
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Measured {
    /// Images per second.
    pub speeds: BTreeMap<Slot, Rounds>,
    /// What a candidate found to be fastest.
    pub configurations: BTreeMap<Slot, String>,
    /// The core's limit as each candidate reaches it.
    pub peaks: BTreeMap<Candidate, Peak>,
    /// What becomes of the limit in each kernel.
    pub kernels: BTreeMap<(Case, Candidate), Vec<KernelSpeed>>,
    /// Memory after some training of the memory case.
    pub memory: BTreeMap<Candidate, Memory>,
}

/// Measures, prints a table and writes JSON.
///
/// # Errors
/// Something can't be built, a runner fails, or the file can't be written.
pub fn measure(workspace: &Workspace, options: &TrainOptions) -> Result<(), BenchError> {
    let mnist = options.mnist.as_deref().map(files::absolute).transpose()?;
    let candidates = options.candidates();
    let wanted = Wanted {
        candidates: &candidates,
        mnist: mnist.as_deref(),
        imagenet: None,
    };
    let setup = Setup::made(workspace, &wanted)?;
    let mut runners = started(&setup, &candidates)?;
    let machine = Machine::found(versions(&runners));
    let mut measured = Measured::default();
    measure_rounds(&mut runners, &options.slots(), options, &mut measured)?;
    measure_core(&mut runners, options, &mut measured)?;
    drop(runners);
    measure_memory(&setup, options, &mut measured)?;
    let report = Report::new(
        machine,
        options.rounds,
        options.seconds,
        mnist.is_some(),
        &measured,
    );
    println!("{report}");
    match &options.json {
        Some(path) => files::write(path, &report.json()),
        None => Ok(()),
    }
}

type Runners = BTreeMap<Candidate, Runner>;

fn started(setup: &Setup, candidates: &[Candidate]) -> Result<Runners, RunnerError> {
    let start = |&candidate| Ok((candidate, setup.runner(candidate)?));
    candidates.iter().map(start).collect()
}

fn versions(runners: &Runners) -> BTreeMap<String, String> {
    let told = runners.values().flat_map(Runner::versions);
    told.map(|(name, version)| (name.clone(), version.clone()))
        .collect()
}

fn measure_rounds(
    runners: &mut Runners,
    slots: &[Slot],
    options: &TrainOptions,
    measured: &mut Measured,
) -> Result<(), RunnerError> {
    let style = ProgressStyle::with_template("  {msg} {wide_bar} {pos}/{len}, {eta} left");
    let style = style.expect("the template is well-formed");
    let bar = ProgressBar::new((slots.len() * (options.rounds + 1)) as u64).with_style(style);
    say(&bar, "warming up".to_owned());
    for slot in slots {
        measured_once(runners, slot, WARM_UP_SECS.max(options.seconds))?;
        bar.inc(1);
    }
    for round in 1..=options.rounds {
        say(&bar, format!("round {round}"));
        for slot in slots {
            let measurement = measured_once(runners, slot, options.seconds)?;
            measured.note(*slot, &measurement);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// On the bar, or as a line of its own where bars are not shown.
fn say(bar: &ProgressBar, message: String) {
    if bar.is_hidden() {
        eprintln!("  {message}");
    }
    bar.set_message(message);
}

fn measured_once(
    runners: &mut Runners,
    slot: &Slot,
    seconds: f64,
) -> Result<Measurement, RunnerError> {
    let runner = runners
        .get_mut(&slot.candidate)
        .expect("every candidate of a slot was started");
    runner.ask(&Request::Measure {
        work: slot.work,
        setting: &slot.case.setting(slot.batch),
        seconds,
    })
}

/// The core's limit, before and after what kernels make of it.
fn measure_core(
    runners: &mut Runners,
    options: &TrainOptions,
    measured: &mut Measured,
) -> Result<(), RunnerError> {
    let product = runners.iter_mut().filter(|(place, _)| place.is_product());
    for (&candidate, runner) in product {
        eprintln!("  kernels of {candidate}");
        let before = measured_peak(runner)?;
        for case in options.kernel_cases() {
            let speeds = runner.ask(&Request::Kernels {
                setting: &case.setting(KERNEL_BATCH),
                seconds: KERNEL_SECS,
            })?;
            measured.kernels.insert((case, candidate), speeds);
        }
        // A limit is what was reached at best: whatever else the machine did lowered it.
        let after = measured_peak(runner)?;
        let is_before = before.gflops > after.gflops;
        let peak = if is_before { before } else { after };
        measured.peaks.insert(candidate, peak);
    }
    Ok(())
}

fn measured_peak(runner: &mut Runner) -> Result<Peak, RunnerError> {
    runner.ask(&Request::Peak { seconds: PEAK_SECS })
}

/// Each in a runner of its own, that has trained nothing else.
fn measure_memory(
    setup: &Setup,
    options: &TrainOptions,
    measured: &mut Measured,
) -> Result<(), RunnerError> {
    let (case, batch) = MEMORY_CASE;
    for &candidate in options.places.iter().filter(|place| place.is_product()) {
        let mut runner = setup.runner(candidate)?;
        runner.ask::<Measurement>(&Request::Measure {
            work: Work::Step,
            setting: &case.setting(batch),
            seconds: WARM_UP_SECS,
        })?;
        let memory = runner.ask(&Request::Memory)?;
        measured.memory.insert(candidate, memory);
    }
    Ok(())
}

impl Measured {
    fn note(&mut self, slot: Slot, measurement: &Measurement) {
        self.speeds
            .entry(slot)
            .or_default()
            .push(measurement.speed());
        if let Some(configuration) = &measurement.configuration {
            self.configurations.insert(slot, configuration.clone());
        }
    }
}
