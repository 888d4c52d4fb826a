//! Operations per second: of the core at its limit, and of each of the trainer's kernels.
//! Does not know what the operations are for.

use std::time::Instant;

use serde::Serialize;
use tabsweep_bench::{kernels, peak};
use tabsweep_trainer::architecture::ArchitectureError;
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::{Hyperparameters, ImageSet};

/// A kernel's speed is the median of as many tries.
const TRIES: usize = 5;
/// As long as a chain is followed between two looks at the clock.
const LINKS: u32 = 1_000_000;

/// What a core can do in 128-bit vectors.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Peak {
    gflops: f64,
    chains: usize,
}

/// What a kernel does.
#[derive(Clone, Debug, Serialize)]
pub struct KernelSpeed {
    name: String,
    gflops: f64,
    /// Of one call, for a whole batch.
    micros: f64,
}

/// The best number of chains, each tried for its share of `seconds`.
#[must_use]
pub fn highest_peak(seconds: f64) -> Peak {
    let share = seconds / peak::CHAINS.len() as f64;
    let peaks = peak::CHAINS.map(|chains| {
        let (operations, took) = within(share, || peak::run(chains, LINKS));
        let gflops = operations as f64 / took / 1e9;
        Peak { gflops, chains }
    });
    peaks
        .into_iter()
        .max_by(|one, other| one.gflops.total_cmp(&other.gflops))
        .expect("there are numbers of chains to try")
}

/// Every kernel of a step with `setting` on images like those of `set`, each for `seconds`.
///
/// # Errors
/// The setting has no model for such images.
pub fn of_kernels(
    setting: &Hyperparameters,
    classes: usize,
    set: &ImageSet,
    seconds: f64,
) -> Result<Vec<KernelSpeed>, ArchitectureError> {
    let size = (set.height(), set.width());
    let mut kernels = kernels::all(setting, classes, size, Width::widest())?;
    let speed = |kernel: &mut kernels::Kernel| {
        let share = seconds / (TRIES + 1) as f64;
        let mut call = || {
            kernel.call();
            1
        };
        within(share, &mut call);
        let mut tries = [0.0; TRIES];
        for seconds in &mut tries {
            let (calls, took) = within(share, &mut call);
            *seconds = took / calls as f64;
        }
        tries.sort_by(f64::total_cmp);
        let seconds = tries[TRIES / 2];
        KernelSpeed {
            name: kernel.name().to_owned(),
            gflops: kernel.operations() as f64 / seconds / 1e9,
            micros: seconds * 1e6,
        }
    };
    Ok(kernels.iter_mut().map(speed).collect())
}

/// Does `work` again and again; what it gave in all, and the seconds it took.
fn within(seconds: f64, mut work: impl FnMut() -> u64) -> (u64, f64) {
    let start = Instant::now();
    let mut done = 0;
    loop {
        done += work();
        let took = start.elapsed().as_secs_f64();
        if took >= seconds {
            return (done, took);
        }
    }
}
