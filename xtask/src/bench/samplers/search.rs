//! A search with one of the product's samplers: so many workers are under way, and who is done next is
//! drawn. Decides nothing of what is measured.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tabsweep_protocol::{Parameters, Seed, TrialNumber};
use tabsweep_study::{Direction, Finished, History, SamplerKind, sampler};

use super::function::Function;

/// How a function is searched.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Who suggests.
    pub sampler: SamplerKind,
    /// Trials that are under way at the same time.
    pub workers: u32,
    /// Trials in all.
    pub trials: u32,
}

impl Search {
    /// How far the best of all trials is from the least value.
    #[must_use]
    pub fn regret(&self, function: &Function<'_>, seed: u64) -> f64 {
        let mut order = ChaCha8Rng::seed_from_u64(seed);
        let mut finished: Vec<Finished> = Vec::new();
        let mut running: BTreeMap<TrialNumber, Parameters> = BTreeMap::new();
        let mut suggested = 0;
        while (finished.len() as u32) < self.trials {
            while (running.len() as u32) < self.workers && suggested < self.trials {
                let history = History {
                    direction: Direction::Minimize,
                    finished: &finished,
                    running: &running,
                };
                let number = TrialNumber(suggested);
                let suggest = sampler(self.sampler);
                let setting = suggest.suggest(&function.space, history, Seed(seed), number);
                running.insert(number, setting);
                suggested += 1;
            }
            let place = order.random_range(0..running.len());
            let number = running.keys().nth(place).copied();
            let next = number.and_then(|number| running.remove_entry(&number));
            finished.extend(next.map(|(number, parameters)| Finished {
                number,
                score: function.loss(&parameters),
                parameters,
                stopped_at: None,
                rests: Vec::new(),
            }));
        }
        let best = finished.iter().map(|trial| trial.score);
        function.regret(best.fold(f64::INFINITY, f64::min))
    }
}
