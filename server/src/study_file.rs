//! Study files: TOML to a study, with errors that point at the line. Which names and values a
//! trainer understands is asked of the caller.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::Deserialize;
use serde_spanned::Spanned;
use tabsweep_protocol::{Parameters, Seed, Value};
use tabsweep_study::{
    Budget, Choices, Conditions, Distribution, FloatRange, Grid, IntRange, Objective, Parameter,
    Pruner, SamplerKind, Space, Study,
};

/// What is wrong with a study file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct StudyFileError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

/// Most trials that one study may have.
pub(crate) const MOST_TRIALS: i64 = 1_000_000;
/// Ten years.
pub(crate) const MOST_WALL_SECS: i64 = 315_360_000;
/// Far enough apart for any share, and near enough for arithmetic.
pub(crate) const LEAST_WEIGHT: f64 = 0.001;
pub(crate) const MOST_WEIGHT: f64 = 1_000.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    dataset: Spanned<String>,
    #[serde(default)]
    objective: Objective,
    #[serde(default)]
    trials: Option<Spanned<i64>>,
    #[serde(default)]
    wall_secs: Option<Spanned<i64>>,
    #[serde(default)]
    target_score: Option<Spanned<f64>>,
    #[serde(default)]
    weight: Option<Spanned<f64>>,
    #[serde(default)]
    seed: Option<Spanned<i64>>,
    #[serde(default)]
    sampler: Option<Spanned<SamplerKind>>,
    #[serde(default)]
    pruner: Option<Spanned<toml::Value>>,
    #[serde(default)]
    enqueue: Vec<BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
    space: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    Float {
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
        #[serde(default)]
        points: Option<u32>,
        #[serde(default)]
        when: When,
    },
    Int {
        low: i64,
        high: i64,
        #[serde(default)]
        step: Option<i64>,
        #[serde(default)]
        log: bool,
        #[serde(default)]
        points: Option<u32>,
        #[serde(default)]
        when: When,
    },
    Categorical {
        choices: Vec<toml::Value>,
        #[serde(default)]
        when: When,
    },
}

/// By the name of a hyper-parameter, the value that it must have, or a list of such.
type When = BTreeMap<String, toml::Value>;

/// A message and the bytes of the file that it is about.
type Located = (Range<usize>, String);

/// Parses a study file. `check` is asked about every hyper-parameter's name with values that
/// stand for its range, and says what is wrong with them.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(
    text: &str,
    check: impl Fn(&str, &Value) -> Result<(), String>,
) -> Result<Study, StudyFileError> {
    let file: File = toml::from_str(text).map_err(|error| {
        locate(
            text,
            (error.span().unwrap_or(0..0), error.message().to_owned()),
        )
    })?;
    study(file, &check).map_err(|located| locate(text, located))
}

fn locate(text: &str, (span, message): Located) -> StudyFileError {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    StudyFileError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
    }
}

fn study(
    file: File,
    check: &impl Fn(&str, &Value) -> Result<(), String>,
) -> Result<Study, Located> {
    let name = file.name.get_ref().trim().to_owned();
    if name.is_empty() || name.chars().count() > 120 {
        let message = "`name` must have 1 to 120 characters".to_owned();
        return Err((file.name.span(), message));
    }
    let space = space(file.space, check)?;
    let enqueued = file
        .enqueue
        .into_iter()
        .map(|setting| enqueued(setting, &space, check))
        .collect::<Result<Vec<Parameters>, _>>()?;
    let sampler = file.sampler.as_ref();
    let sampler = sampler.map_or(SamplerKind::Random, |sampler| *sampler.get_ref());
    let grid = match &file.sampler {
        Some(named) if sampler == SamplerKind::Grid => Some(grid_size(&space, named.span())?),
        _ => None,
    };
    let most = grid.map(|size| size.saturating_add(enqueued_count(&enqueued)));
    Ok(Study {
        name,
        dataset: file.dataset.into_inner(),
        objective: file.objective,
        budget: Budget {
            trials: trials(file.trials, most)?,
            wall_secs: file
                .wall_secs
                .map(|secs| whole("wall_secs", &secs, MOST_WALL_SECS))
                .transpose()?,
            target_score: file.target_score.map(target_score).transpose()?,
        },
        weight: file.weight.map_or(Ok(1.0), weight)?,
        seed: seed(file.seed)?,
        sampler,
        pruner: file.pruner.map_or(Ok(Pruner::None), pruner)?,
        enqueued,
        own: BTreeSet::new(),
        space,
    })
}

fn grid_size(space: &Space, span: Range<usize>) -> Result<u32, Located> {
    let grid = Grid::new(space).map_err(|error| (span, error.to_string()))?;
    Ok(grid.size())
}

fn enqueued_count(enqueued: &[Parameters]) -> u32 {
    u32::try_from(enqueued.len()).unwrap_or(u32::MAX)
}

/// As many as the file says, but no more than there can be; where it says nothing, all of them.
fn trials(named: Option<Spanned<i64>>, most: Option<u32>) -> Result<u32, Located> {
    match (named, most) {
        (Some(named), most) => {
            let trials = whole("trials", &named, MOST_TRIALS)?;
            Ok(most.map_or(trials, |most| trials.min(most)))
        }
        (None, Some(most)) => Ok(most),
        (None, None) => Err((
            0..0,
            "missing field `trials`: how many settings are tried".into(),
        )),
    }
}

/// A whole number from 1 on.
fn whole(name: &str, value: &Spanned<i64>, most: i64) -> Result<u32, Located> {
    let found = *value.get_ref();
    match u32::try_from(found) {
        Ok(number) if (1..=most).contains(&found) => Ok(number),
        _ => {
            let message =
                format!("`{name}` must be a whole number from 1 to {most}, found {found}");
            Err((value.span(), message))
        }
    }
}

fn target_score(score: Spanned<f64>) -> Result<f64, Located> {
    let found = *score.get_ref();
    if (0.0..=1.0).contains(&found) {
        return Ok(found);
    }
    let message = format!("`target_score` must be a share from 0 to 1, found {found}");
    Err((score.span(), message))
}

fn weight(weight: Spanned<f64>) -> Result<f64, Located> {
    let found = *weight.get_ref();
    if (LEAST_WEIGHT..=MOST_WEIGHT).contains(&found) {
        return Ok(found);
    }
    let message = format!("`weight` must be from {LEAST_WEIGHT} to {MOST_WEIGHT}, found {found}");
    Err((weight.span(), message))
}

/// A name alone, or a table of `type` and options.
fn pruner(entry: Spanned<toml::Value>) -> Result<Pruner, Located> {
    let span = entry.span();
    let table = match entry.into_inner() {
        toml::Value::String(name) => {
            toml::Table::from_iter([("type".to_owned(), toml::Value::String(name))]).into()
        }
        other => other,
    };
    Pruner::deserialize(table)
        .map_err(|error: toml::de::Error| (span, format!("`pruner`: {}", error.message())))
}

fn seed(seed: Option<Spanned<i64>>) -> Result<Seed, Located> {
    let Some(seed) = seed else { return Ok(Seed(0)) };
    u64::try_from(*seed.get_ref()).map(Seed).map_err(|_| {
        (
            seed.span(),
            format!("`seed` must not be negative, found {}", seed.get_ref()),
        )
    })
}

fn space(
    entries: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    check: &impl Fn(&str, &Value) -> Result<(), String>,
) -> Result<Space, Located> {
    let mut parameters = BTreeMap::new();
    let mut places = BTreeMap::new();
    // In the order of the file, so that the first error is the first for the reader.
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, entry) in entries {
        let span = entry.span();
        let parameter = parameter(entry.into_inner())
            .map_err(|message| (span.clone(), format!("`{}`: {message}", name.get_ref())))?;
        for value in parameter.distribution.probes() {
            check(name.get_ref(), &value).map_err(|message| (name.span(), message))?;
        }
        places.insert(name.get_ref().clone(), span);
        parameters.insert(name.into_inner(), parameter);
    }
    Space::try_from(parameters).map_err(|error| {
        let place = places.get(error.name()).cloned();
        (place.unwrap_or_default(), error.to_string())
    })
}

fn parameter(entry: toml::Value) -> Result<Parameter, String> {
    if !entry.is_table() {
        let value = scalar(entry)?;
        return Ok(Distribution::Fixed { value }.into());
    }
    let entry = Entry::deserialize(entry).map_err(|error| error.message().to_owned())?;
    let (distribution, when) = match entry {
        Entry::Float {
            low,
            high,
            log,
            points,
            when,
        } => {
            let range = FloatRange::new(low, high, log).and_then(|range| match points {
                Some(points) => range.with_points(points),
                None => Ok(range),
            });
            (range.map(Distribution::Float), when)
        }
        Entry::Int {
            low,
            high,
            step,
            log,
            points,
            when,
        } => {
            let range = IntRange::new(low, high, step.unwrap_or(1), log);
            let range = range.and_then(|range| match points {
                Some(points) => range.with_points(points),
                None => Ok(range),
            });
            (range.map(Distribution::Int), when)
        }
        Entry::Categorical { choices, when } => {
            let values = choices.into_iter().map(scalar).collect::<Result<_, _>>()?;
            let choices = Choices::new(values);
            (
                choices.map(|choices| Distribution::Categorical { choices }),
                when,
            )
        }
    };
    Ok(Parameter {
        distribution: distribution.map_err(|error| error.to_string())?,
        when: conditions(when)?,
    })
}

fn conditions(when: When) -> Result<Conditions, String> {
    let values = |value: toml::Value| match value {
        toml::Value::Array(values) => values.into_iter().map(scalar).collect(),
        value => scalar(value).map(|value| vec![value]),
    };
    let conditions = when
        .into_iter()
        .map(|(name, value)| Ok((name, values(value)?)));
    Ok(Conditions::new(conditions.collect::<Result<_, String>>()?))
}

fn scalar(value: toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::Boolean(value) => Ok(Value::Bool(value)),
        toml::Value::Integer(value) => Ok(Value::Int(value)),
        toml::Value::Float(value) if value.is_finite() => Ok(Value::Float(value)),
        toml::Value::String(value) => Ok(Value::Text(value)),
        other => Err(format!(
            "expected a number, true or false, a name, or a table with `type` float, int or \
             categorical; found {other}"
        )),
    }
}

fn enqueued(
    setting: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    space: &Space,
    check: &impl Fn(&str, &Value) -> Result<(), String>,
) -> Result<Parameters, Located> {
    let mut parameters = Parameters::new();
    let mut places = BTreeMap::new();
    for (name, value) in setting {
        let span = value.span();
        if space.distribution(name.get_ref()).is_none() {
            let message = format!("`{}` is not in [space]", name.get_ref());
            return Err((name.span(), message));
        }
        let value = scalar(value.into_inner()).map_err(|message| (span.clone(), message))?;
        check(name.get_ref(), &value).map_err(|message| (span, message))?;
        places.insert(name.get_ref().clone(), name.span());
        parameters.insert(name.into_inner(), value);
    }
    space.check_own(&parameters).map_err(|error| {
        let place = places.get(&error.name).cloned();
        (place.unwrap_or_default(), error.to_string())
    })?;
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "A study"
dataset = "mnist"
trials = 8
seed = 2016

[space]
learning_rate = { type = "float", low = 1e-3, high = 3e-2, log = true }
hidden_units = { type = "int", low = 32, high = 256, step = 32 }
optimizer = { type = "categorical", choices = ["adamw", "sgd"] }
batch_norm = true

[[enqueue]]
learning_rate = 0.01
"#;

    fn knows(name: &str, value: &Value) -> Result<(), String> {
        match (name, value) {
            ("batch_size", _) => Err("no hyper-parameter is called `batch_size`".into()),
            ("hidden_units", Value::Int(512..)) => Err("`hidden_units` is at most 511".into()),
            _ => Ok(()),
        }
    }

    fn error(from: &str, to: &str) -> StudyFileError {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from} is not in the file");
        parse(&text, knows).unwrap_err()
    }

    #[test]
    fn a_study_file_is_read() {
        let study = parse(GOOD, knows).unwrap();
        assert_eq!((study.budget.trials, study.seed), (8, Seed(2016)));
        assert_eq!((study.weight, study.pruner), (1.0, Pruner::None));
        let more =
            "seed = 1\nwall_secs = 60\ntarget_score = 0.995\nweight = 2.5\npruner = \"none\"";
        let study = parse(&GOOD.replace("seed = 2016", more), knows).unwrap();
        assert_eq!(study.budget.wall_secs, Some(60));
        assert_eq!(study.budget.target_score, Some(0.995));
        assert_eq!(study.weight, 2.5);
        let study = parse(GOOD, knows).unwrap();
        assert_eq!(study.space.iter().count(), 4);
        assert_eq!(study.enqueued[0]["learning_rate"], Value::Float(0.01));
    }

    #[test]
    fn errors_point_at_the_line() {
        let cases = [
            ("trials = 8", "trials = 0", 3, "1 to 1000000"),
            ("trials = 8", "trials = \"8\"", 3, "expected i64"),
            ("seed = 2016", "seed = -1", 4, "must not be negative"),
            ("seed = 2016", "wall_secs = 0", 4, "`wall_secs` must be"),
            ("seed = 2016", "target_score = 99.4", 4, "share from 0 to 1"),
            ("seed = 2016", "weight = 0.0", 4, "from 0.001 to 1000"),
            (
                "seed = 2016",
                "pruner = \"axe\"",
                4,
                "`pruner`: unknown variant",
            ),
            ("seed = 2016", "sead = 2016", 4, "unknown field `sead`"),
            (
                "low = 1e-3",
                "low = 0.0",
                7,
                "log scale needs `low` above 0",
            ),
            ("high = 3e-2", "high = 1e-4", 7, "must not be above `high`"),
            ("step = 32", "step = 33", 8, "divide high - low"),
            ("high = 256", "high = 512", 8, "at most 511"),
            ("hidden_units", "batch_size", 8, "no hyper-parameter"),
            ("type = \"int\"", "type = \"whole\"", 8, "unknown variant"),
            ("[\"adamw\", \"sgd\"]", "[]", 9, "at least one"),
            (
                "step = 32",
                "step = 32, when = { optimiser = 1 }",
                8,
                "`optimiser`, which is not in the space",
            ),
            (
                "step = 32",
                "step = 32, when = { optimizer = [\"sgd\", \"adam\"] }",
                8,
                "`optimizer` = adam, which no trial can have",
            ),
            (
                "step = 32",
                "step = 32, when = { learning_rate = 0.01 }",
                8,
                "can't depend on `learning_rate`, a real number",
            ),
            (
                "log = true }",
                "log = true, when = { hidden_units = 64 } }",
                13,
                "`learning_rate` is only there with hidden_units = 64",
            ),
            (
                "seed = 2016",
                "sampler = \"grid\"",
                4,
                "needs `points` for `learning_rate`",
            ),
            ("trials = 8", "", 1, "missing field `trials`"),
            (
                "batch_norm = true",
                "batch_norm = [1]",
                10,
                "expected a number",
            ),
            (
                "\nlearning_rate = 0.01",
                "\ndropout = 0.01",
                13,
                "not in [space]",
            ),
        ];
        for (from, to, line, message) in cases {
            let error = error(from, to);
            assert_eq!(error.line, line, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn conditions_are_values_or_lists_of_values() {
        let text = GOOD.replace("step = 32", "step = 32, when = { optimizer = \"sgd\" }");
        let own = "learning_rate = 0.01\nhidden_units = 64\noptimizer = \"sgd\"";
        let text = text.replace("learning_rate = 0.01", own);
        let study = parse(&text, knows).unwrap();
        assert_eq!(study.enqueued[0]["hidden_units"], Value::Int(64));
        let listed = text.replace("{ optimizer = \"sgd\" }", "{ optimizer = [\"sgd\"] }");
        assert_eq!(parse(&listed, knows).unwrap(), study);
    }

    #[test]
    fn a_grid_has_as_many_trials_as_settings() {
        let grid = GOOD
            .replace("log = true", "log = true, points = 3")
            .replace("seed = 2016", "sampler = \"grid\"");
        let trials = |named: &str| {
            let text = grid.replace("trials = 8\n", named);
            parse(&text, knows).unwrap().budget.trials
        };
        // Three learning rates, eight sizes and two optimisers, and one setting beside them.
        assert_eq!(trials(""), 49);
        assert_eq!(trials("trials = 8\n"), 8);
        assert_eq!(trials("trials = 1000\n"), 49);
    }

    #[test]
    fn broken_toml_is_an_error_with_a_place() {
        assert_eq!(error("trials = 8", "trials = ").line, 3);
        assert!(
            parse("", knows)
                .unwrap_err()
                .message
                .contains("missing field")
        );
    }
}
