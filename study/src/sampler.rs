//! Which setting comes next. A sampler is a pure function of the space, of what is known and of a
//! seed, so that every server process suggests the same and a sweep can be replayed.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{Parameters, Seed, TrialNumber};

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
    /// Where it was pruned or rests, the epochs it was trained for.
    pub stopped_at: Option<u32>,
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

    /// The setting of trial `number` in a study with seed `seed`. The same arguments give the same
    /// setting.
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
}

/// The sampler of that name.
pub fn sampler(kind: SamplerKind) -> &'static dyn Sampler {
    match kind {
        SamplerKind::Random => &RandomSampler,
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
mod tests {
    use tabsweep_protocol::Value;

    use super::*;
    use crate::{Distribution, FloatRange};

    fn space() -> Space {
        let range = FloatRange::new(1e-4, 1e-1, true).unwrap();
        Space([("learning_rate".to_owned(), Distribution::Float(range))].into())
    }

    fn suggest(seed: u64, number: u32) -> Value {
        let history = History {
            direction: Direction::Maximize,
            finished: &[],
            running: &BTreeMap::new(),
        };
        let setting = RandomSampler.suggest(&space(), history, Seed(seed), TrialNumber(number));
        setting["learning_rate"].clone()
    }

    #[test]
    fn suggestions_depend_on_seed_and_number_alone() {
        assert_eq!(suggest(1, 7), suggest(1, 7));
        assert_ne!(suggest(1, 7), suggest(1, 8));
        assert_ne!(suggest(1, 7), suggest(2, 7));
    }

    /// Recorded sweeps can be replayed only while these hold.
    #[test]
    fn suggestions_do_not_drift() {
        assert_eq!(suggest(2016, 0), Value::Float(GOLDEN_LEARNING_RATE));
        assert_eq!(trial_seed(Seed(2016), TrialNumber(0)), Seed(GOLDEN_SEED));
    }

    const GOLDEN_LEARNING_RATE: f64 = 0.003467718981003148;
    const GOLDEN_SEED: u64 = 2_111_930_018_850_826_605;
}
