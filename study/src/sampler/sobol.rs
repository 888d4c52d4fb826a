//! Points that fill the space evenly: a Sobol sequence, Owen-scrambled by the study's seed (Burley,
//! "Practical Hash-based Owen Scrambling", 2020).

use tabsweep_protocol::{Parameters, Seed, TrialNumber};

use super::{History, Purpose, RandomSampler, Sampler, stream};
use crate::{Distribution, Space};
use rand::Rng;

/// Points of the sequence.
const MOST_POINTS: u32 = 1 << 16;

/// One dimension for each hyper-parameter, in the order of names. A study of more than 65,536 trials
/// goes on at random, and so do hyper-parameters beyond the sequence's 256 dimensions.
#[derive(Clone, Copy, Debug)]
pub struct SobolSampler;

impl Sampler for SobolSampler {
    fn reads_history(&self) -> bool {
        false
    }

    fn suggest(
        &self,
        space: &Space,
        history: History<'_>,
        seed: Seed,
        number: TrialNumber,
    ) -> Parameters {
        if number.0 >= MOST_POINTS {
            return RandomSampler.suggest(space, history, seed, number);
        }
        let mut rng = stream(seed, number, Purpose::Setting);
        // The same for all trials: one scrambling of the sequence.
        let scrambling = stream(seed, TrialNumber(0), Purpose::Setting).next_u32();
        let value = |(dimension, (name, distribution)): (u32, (&String, &Distribution))| {
            let value = if dimension < sobol_burley::NUM_DIMENSIONS {
                let share = sobol_burley::sample(number.0, dimension, scrambling);
                distribution.at(f64::from(share))
            } else {
                distribution.sample(&mut rng)
            };
            (name.clone(), value)
        };
        space.active((0..).zip(space.iter()).map(value).collect())
    }
}
