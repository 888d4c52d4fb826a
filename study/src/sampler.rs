//! Which setting comes next. A sampler is a pure function of the space, of what is known and of a
//! seed, so that every server process suggests the same and a sweep can be replayed.

mod grid;
mod merit;
mod parzen;
mod permutation;
mod sobol;
mod tpe;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Seed, TrialNumber};

pub use self::{
    grid::{Grid, GridError, GridSampler},
    sobol::SobolSampler,
    tpe::TpeSampler,
};
use crate::{Direction, Space};

/// A setting and the score it reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Which trial.
    pub number: TrialNumber,
    /// Its setting.
    pub parameters: Parameters,
    /// Its score, in the unit of the study's objective.
    pub score: f64,
    /// Where it was pruned or rests, the epochs it was trained for; 0 where it diverged.
    pub stopped_at: Option<u32>,
    /// Where it has rested, earlier epochs first.
    pub rests: Vec<Rest>,
}

/// A trial's score at a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest {
    /// Epochs done.
    pub epoch: u32,
    /// The score there, in the unit of the study's objective.
    pub score: f64,
}

/// What a sampler may know.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Which scores are better.
    pub direction: Direction,
    /// Trials that have a score, in the order in which they got their first.
    pub finished: &'a [Finished],
    /// Settings of the trials under way that have none.
    pub running: &'a BTreeMap<TrialNumber, Parameters>,
}

/// Suggests settings.
pub trait Sampler {
    /// Whether [`Sampler::suggest`] looks at the history; where not, nobody needs to load it.
    fn reads_history(&self) -> bool;

    /// The setting of trial `number` in a study with seed `seed`, with no more than what its own
    /// values allow. The same arguments give the same setting.
    fn suggest(
        &self,
        space: &Space,
        history: History<'_>,
        seed: Seed,
        number: TrialNumber,
    ) -> Parameters;
}

/// The samplers that a study can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// [`RandomSampler`].
    Random,
    /// [`GridSampler`].
    Grid,
    /// [`SobolSampler`].
    Sobol,
    /// [`TpeSampler`].
    Tpe,
}

/// The sampler of that name.
pub fn sampler(kind: SamplerKind) -> &'static dyn Sampler {
    match kind {
        SamplerKind::Random => &RandomSampler,
        SamplerKind::Grid => &GridSampler,
        SamplerKind::Sobol => &SobolSampler,
        SamplerKind::Tpe => &TpeSampler,
    }
}

/// Independent draws (Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", 2012).
#[derive(Clone, Copy, Debug)]
pub struct RandomSampler;

impl Sampler for RandomSampler {
    fn reads_history(&self) -> bool {
        false
    }

    fn suggest(
        &self,
        space: &Space,
        _history: History<'_>,
        seed: Seed,
        number: TrialNumber,
    ) -> Parameters {
        space.sample(&mut stream(seed, number, Purpose::Setting))
    }
}

/// The seed that trial `number` trains with in a study with seed `seed`.
pub fn trial_seed(seed: Seed, number: TrialNumber) -> Seed {
    Seed(stream(seed, number, Purpose::Training).next_u64())
}

#[derive(Clone, Copy)]
enum Purpose {
    Setting,
    Training,
}

fn stream(seed: Seed, number: TrialNumber, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.0);
    rng.set_stream(u64::from(number.0) * 2 + purpose as u64);
    rng
}

#[cfg(test)]
mod tests;
