//! `cargo xtask bench accuracy`: trains recipes on real MNIST, seed after seed, and says whether they
//! reach their goals. Decides what counts: the time of the steps, the mean over seeds.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::bench::BenchError;
use crate::bench::candidate::Candidate;
use crate::bench::files;
use crate::bench::machine::Machine;
use crate::bench::recipe::{self, Recipe};
use crate::bench::request::{Request, Run};
use crate::bench::runner::{Runner, RunnerError};
use crate::bench::setup::{Setup, Wanted};
use crate::bench::table::Table;
use crate::workspace::Workspace;

/// What to train, and where.
#[derive(Debug, Args)]
pub struct AccuracyOptions {
    /// Trains these recipes only
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Trains with this many seeds, whatever the recipes say
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Trains there; the weights are the same everywhere, the time is not
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value_t = Candidate::Native)]
    place: Candidate,
    /// Folder with the four files of MNIST
    #[arg(long, value_name = "DIR", env = "TABSWEEP_MNIST_DIR")]
    mnist: Option<PathBuf>,
    /// Writes all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One training's figures.
#[derive(Clone, Debug, Serialize)]
struct Trained {
    seed: u64,
    #[serde(flatten)]
    run: Run,
    validation_percent: f64,
    test_percent: f64,
}

/// Mean and spread over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Spread {
    mean: f64,
    /// Of the sample; 0 of a single one.
    standard_deviation: f64,
    min: f64,
    max: f64,
}

/// What came of a recipe.
#[derive(Debug, Serialize)]
struct Outcome {
    recipe: Recipe,
    validation_percent: Spread,
    test_percent: Spread,
    training_secs: Spread,
    scoring_secs: Spread,
    whole_secs: Spread,
    reached_percent: bool,
    /// Also true where no time was set.
    reached_secs: bool,
    seeds: Vec<Trained>,
}

/// Trains, prints a table and writes JSON.
///
/// # Errors
/// There is no MNIST, something can't be built, a training fails, or the file can't be written.
pub fn measure(workspace: &Workspace, options: &AccuracyOptions) -> Result<(), BenchError> {
    let recipes = recipe::chosen(workspace, &options.only)?;
    let mnist = options.mnist.as_deref().ok_or(BenchError::NoMnist)?;
    if !options.place.is_product() {
        return Err(BenchError::NotTrained {
            candidate: options.place,
        });
    }
    let wanted = Wanted {
        candidates: &[options.place],
        mnist: Some(&files::absolute(mnist)?),
        imagenet: None,
    };
    let setup = Setup::made(workspace, &wanted)?;
    let mut runner = setup.runner(options.place)?;
    let machine = Machine::found(runner.versions().clone());
    let mut outcomes = Vec::new();
    for recipe in recipes {
        let seeds = options.seeds.unwrap_or(recipe.seeds);
        let outcome = trained(&mut runner, recipe, seeds)?;
        println!("\n{outcome}");
        outcomes.push(outcome);
    }
    println!("{}", summary(&outcomes));
    let all = json!({ "machine": machine, "place": options.place, "recipes": outcomes });
    match &options.json {
        Some(path) => files::write(path, &format!("{all:#}\n")),
        None => Ok(()),
    }
}

fn trained(runner: &mut Runner, recipe: Recipe, seeds: u64) -> Result<Outcome, RunnerError> {
    let mut trained = Vec::new();
    for seed in 1..=seeds {
        let setting = &recipe.setting;
        let run: Run = runner.ask(&Request::Train { setting, seed })?;
        let one = Trained::new(seed, run);
        eprintln!(
            "  {}, seed {seed} of {seeds}: {:.2} % on test images after {:.1} s",
            recipe.name, one.test_percent, one.run.training_secs
        );
        trained.push(one);
    }
    Ok(Outcome::new(recipe, trained))
}

impl Trained {
    fn new(seed: u64, run: Run) -> Self {
        let percent = |correct: u32, count: u32| 100.0 * f64::from(correct) / f64::from(count);
        Self {
            seed,
            validation_percent: percent(run.validation_correct, run.validation_count),
            test_percent: percent(run.test_correct, run.test_count),
            run,
        }
    }
}

impl Outcome {
    fn new(recipe: Recipe, seeds: Vec<Trained>) -> Self {
        let spread = |figure: fn(&Trained) -> f64| Spread::of(seeds.iter().map(figure));
        let test_percent = spread(|one| one.test_percent);
        let training_secs = spread(|one| one.run.training_secs);
        Self {
            validation_percent: spread(|one| one.validation_percent),
            scoring_secs: spread(|one| one.run.scoring_secs),
            whole_secs: spread(|one| one.run.whole_secs),
            reached_percent: test_percent.mean >= recipe.goal_percent,
            reached_secs: recipe
                .goal_secs
                .is_none_or(|goal| training_secs.mean <= goal),
            test_percent,
            training_secs,
            recipe,
            seeds,
        }
    }

    fn cells(&self) -> [String; 7] {
        let Recipe {
            goal_percent,
            goal_secs,
            ..
        } = self.recipe;
        let yes_or_no = |is: bool| if is { "yes" } else { "NO" };
        [
            self.seeds.len().to_string(),
            self.validation_percent.percent(),
            self.test_percent.percent(),
            format!("{goal_percent} {}", yes_or_no(self.reached_percent)),
            self.training_secs.seconds(),
            match goal_secs {
                Some(goal) => format!("{goal} {}", yes_or_no(self.reached_secs)),
                None => "–".to_owned(),
            },
            self.whole_secs.seconds(),
        ]
    }
}

fn summary(outcomes: &[Outcome]) -> Table {
    let headings = [
        "seeds",
        "validation, %",
        "test, %",
        "goal",
        "training, s",
        "goal",
        "with scoring, s",
    ];
    let mut table = Table::new("recipe", headings.map(str::to_owned));
    for outcome in outcomes {
        table.add(&outcome.recipe.name, outcome.cells());
    }
    table
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = [
            "validation, %",
            "test, %",
            "training, s",
            "scoring, s",
            "whole, s",
        ];
        let mut table = Table::new(&self.recipe.name, headings.map(str::to_owned));
        for one in &self.seeds {
            let cells = [
                format!("{:.2}", one.validation_percent),
                format!("{:.2}", one.test_percent),
                format!("{:.2}", one.run.training_secs),
                format!("{:.2}", one.run.scoring_secs),
                format!("{:.2}", one.run.whole_secs),
            ];
            table.add(&format!("seed {}", one.seed), cells);
        }
        table.fmt(formatter)
    }
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64> + Clone) -> Self {
        let count = figures.clone().count() as f64;
        let mean = figures.clone().sum::<f64>() / count;
        let squares: f64 = figures.clone().map(|figure| (figure - mean).powi(2)).sum();
        Self {
            mean,
            standard_deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            min: figures.clone().fold(f64::INFINITY, f64::min),
            max: figures.fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn percent(&self) -> String {
        let Self {
            mean,
            standard_deviation,
            min,
            max,
        } = self;
        format!("{mean:.3} ± {standard_deviation:.3} ({min:.2}–{max:.2})")
    }

    fn seconds(&self) -> String {
        let Self { mean, min, max, .. } = self;
        format!("{mean:.1} ({min:.1}–{max:.1})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(test_correct: [u32; 2], training_secs: f64) -> Outcome {
        let recipe = Recipe {
            name: "quick".to_owned(),
            goal_percent: 99.0,
            goal_secs: Some(6.0),
            seeds: 2,
            setting: serde_json::Map::new(),
        };
        let run = |test_correct| Run {
            training_secs,
            scoring_secs: 0.5,
            whole_secs: 7.0,
            validation_correct: 990,
            validation_count: 1_000,
            test_correct,
            test_count: 1_000,
        };
        let seeds = test_correct.map(|correct| Trained::new(1, run(correct)));
        Outcome::new(recipe, seeds.to_vec())
    }

    #[test]
    fn the_mean_over_seeds_decides() {
        let good = outcome([985, 995], 6.0);
        assert!(good.reached_percent && good.reached_secs);
        assert_eq!(good.test_percent.percent(), "99.000 ± 0.707 (98.50–99.50)");
        let poor = outcome([985, 994], 6.1);
        assert!(!poor.reached_percent && !poor.reached_secs);
    }

    #[test]
    fn a_single_seed_has_no_deviation() {
        let spread = Spread::of([3.0].into_iter());
        assert_eq!((spread.mean, spread.standard_deviation), (3.0, 0.0));
    }

    #[test]
    fn the_summary_says_what_was_missed() {
        let text = summary(&[outcome([980, 980], 5.0)]).to_string();
        assert!(text.contains("99 NO") && text.contains("6 yes"), "{text}");
    }
}
