//! Samplers: the same answer to the same question, within bounds, and better than luck.

use tabsweep_protocol::Value;

use super::*;
use crate::{Distribution, FloatRange};

fn space() -> Space {
    let range = FloatRange::new(1e-4, 1e-1, true).unwrap();
    Space::from_iter([("learning_rate".to_owned(), Distribution::Float(range))])
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

mod learning {
    use proptest::prelude::*;

    use super::*;
    use crate::{Objective, Timeline};

    const KINDS: [SamplerKind; 4] = [
        SamplerKind::Random,
        SamplerKind::Grid,
        SamplerKind::Sobol,
        SamplerKind::Tpe,
    ];

    /// One is there beside `true` alone.
    fn mixed() -> Space {
        let space = r#"{
            "fixed": {"type": "fixed", "value": 3},
            "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": true, "points": 4},
            "log": {"type": "int", "low": 1, "high": 1000, "step": 1, "log": true},
            "sometimes": {"type": "float", "low": 0.0, "high": 1.0, "log": false, "points": 2,
                "when": {"which": [true]}},
            "step": {"type": "int", "low": -8, "high": 8, "step": 4, "log": false},
            "which": {"type": "categorical", "choices": [true, "b"]}
        }"#;
        serde_json::from_str(space).unwrap()
    }

    /// A seeded example; whoever changes a constant of the sampler changes it too.
    #[test]
    fn tpe_does_not_drift() {
        let space = mixed();
        let score = |number: u32| f64::from(number * 37 % 101) / 101.0;
        let known: Vec<_> = (0..30).map(|n| finished(n, &space, score(n))).collect();
        let running = BTreeMap::new();
        let history = History {
            direction: Direction::Maximize,
            finished: &known,
            running: &running,
        };
        let setting = TpeSampler.suggest(&space, history, Seed(2016), TrialNumber(30));
        let expected: Parameters = serde_json::from_str(GOLDEN_TPE).unwrap();
        assert_eq!(setting, expected);
    }

    const GOLDEN_TPE: &str = r#"{"fixed": 3, "learning_rate": 0.000571807008189235, "log": 1,
        "sometimes": 0.4384093322880426, "step": 0, "which": true}"#;

    fn finished(number: u32, space: &Space, score: f64) -> Finished {
        let nothing = History {
            direction: Direction::Maximize,
            finished: &[],
            running: &BTreeMap::new(),
        };
        Finished {
            number: TrialNumber(number),
            parameters: RandomSampler.suggest(space, nothing, Seed(9), TrialNumber(number)),
            score,
            stopped_at: number.is_multiple_of(3).then_some(1 + number % 2),
            rests: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn suggestions_stay_in_bounds_and_follow_the_direction(
            scores in prop::collection::vec(-1.0..1.0_f64, 0..60),
            seed: u64,
            number in 0..70_000_u32,
        ) {
            let space = mixed();
            let known: Vec<_> = (0..).zip(&scores).map(|(n, s)| finished(n, &space, *s)).collect();
            let mut turned = known.clone();
            turned.iter_mut().for_each(|trial| trial.score = -trial.score);
            let own: Parameters = [("log".to_owned(), Value::Int(5000)), ("which".to_owned(), Value::Int(1))].into();
            let running = BTreeMap::from([(TrialNumber(1000), own)]);
            for kind in KINDS {
                let suggest = |direction, finished: &[Finished]| {
                    let history = History { direction, finished, running: &running };
                    sampler(kind).suggest(&space, history, Seed(seed), TrialNumber(number))
                };
                let setting = suggest(Direction::Maximize, &known);
                for (name, distribution) in space.iter() {
                    let fits = match setting.get(name) {
                        Some(value) => distribution.contains(value),
                        None => true,
                    };
                    let is_there = setting.contains_key(name) == space.is_active(name, &setting);
                    prop_assert!(fits && is_there, "{kind:?} {name} {setting:?}");
                }
                prop_assert_eq!(&setting, &suggest(Direction::Minimize, &turned));
            }
        }
    }

    /// The best of 60 trials on a bowl in five dimensions, mean over seeds.
    fn reached(kind: SamplerKind) -> f64 {
        let range = |_| Distribution::Float(FloatRange::new(0.0, 1.0, false).unwrap());
        let space = Space::from_iter((0..5).map(|n| (format!("x{n}"), range(n))));
        let loss = |setting: &Parameters| -> f64 {
            let square = |value: &Value| match value {
                Value::Float(x) => (x - 0.3) * (x - 0.3),
                _ => panic!("{value} is no real number"),
            };
            setting.values().map(square).sum()
        };
        let best = |seed: u64| {
            let mut finished: Vec<Finished> = Vec::new();
            for number in (0..60).map(TrialNumber) {
                let history = History {
                    direction: Direction::Minimize,
                    finished: &finished,
                    running: &BTreeMap::new(),
                };
                let parameters = sampler(kind).suggest(&space, history, Seed(seed), number);
                let score = loss(&parameters);
                finished.push(Finished {
                    number,
                    parameters,
                    score,
                    stopped_at: None,
                    rests: Vec::new(),
                });
            }
            finished
                .iter()
                .map(|trial| trial.score)
                .fold(f64::INFINITY, f64::min)
        };
        (0..20).map(best).sum::<f64>() / 20.0
    }

    #[test]
    fn who_learns_gets_closer() {
        let (random, tpe) = (reached(SamplerKind::Random), reached(SamplerKind::Tpe));
        assert!(tpe < 0.5 * random, "TPE {tpe}, random {random}");
    }

    #[test]
    fn a_sobol_sequence_leaves_no_large_gap() {
        let range = FloatRange::new(0.0, 1.0, false).unwrap();
        let space = Space::from_iter([("x".to_owned(), Distribution::Float(range))]);
        let nothing = Timeline::new(Objective::default());
        let mut places = [false; 64];
        for number in (0..64).map(TrialNumber) {
            let setting = SobolSampler.suggest(&space, nothing.history(), Seed(7), number);
            let Value::Float(x) = setting["x"] else {
                panic!("{setting:?}")
            };
            places[(x * 64.0) as usize] = true;
        }
        assert_eq!(places, [true; 64], "each 64th has its point");
    }
}
