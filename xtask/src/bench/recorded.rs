//! Recorded learning curves, looked up instead of trained: a table of a full grid, and the space whose
//! settings it answers for. Does not know who searches.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tabsweep_protocol::{Parameters, Value};
use tabsweep_study::{Choices, Distribution, FloatRange, IntRange, Space, SpaceError};

use crate::workspace::Workspace;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct RecordedError {
    path: String,
    reason: String,
}

/// What a table records.
#[derive(Clone, Debug)]
struct Grid {
    axes: Vec<Axis>,
    /// A score is a share of them.
    validation_images: f64,
}

/// What a grid varies: the values of one hyper-parameter, in order.
#[derive(Clone, Debug)]
struct Axis {
    name: String,
    values: Vec<Value>,
    is_log: bool,
}

/// Scores of a training, by epoch from 1; shorter if it diverged.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCurve {
    /// Share of the validation images classified rightly.
    pub validation: Vec<f64>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Recorded {
    axes: Vec<Axis>,
    curves: BTreeMap<Vec<usize>, RecordedCurve>,
    /// Epochs of a whole training.
    pub epochs: u32,
}

impl Recorded {
    /// The table of LeNet on a part of MNIST.
    ///
    /// # Errors
    /// It can't be read, or is not complete.
    pub fn lenet(workspace: &Workspace) -> Result<Self, RecordedError> {
        let folder = workspace.bench_tables();
        let (grid, table) = (folder.join("lenet.toml"), folder.join("lenet.csv"));
        let grid = in_file(&grid, Grid::parse)?;
        in_file(&table, |text| Self::parse(grid, text))
    }

    fn parse(grid: Grid, text: &str) -> Result<Self, String> {
        let Grid {
            axes,
            validation_images,
        } = grid;
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        let columns: Vec<&str> = heading.split(',').collect();
        let names: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        if !columns.starts_with(&names) {
            return Err(format!("expected the columns {names:?} first"));
        }
        let is_score = |column: &&&str| column.starts_with("validation_");
        let epochs = columns.iter().filter(is_score).count();
        let mut counts = BTreeMap::new();
        for line in lines {
            let row = (|| {
                let cells: Vec<&str> = line.split(',').collect();
                let (setting, scores) = cells.split_at_checked(axes.len())?;
                let key: Option<Vec<usize>> = axes
                    .iter()
                    .zip(setting)
                    .map(|(axis, cell)| axis.recorded(cell))
                    .collect();
                let scores = scores.get(..epochs)?.iter();
                let counts = scores.map_while(|cell| cell.parse().ok());
                Some((key?, counts.collect::<Vec<f64>>()))
            })();
            let (key, row) = row.ok_or_else(|| format!("not of this grid: `{line}`"))?;
            counts.insert(key, row);
        }
        let expected: usize = axes.iter().map(|axis| axis.values.len()).product();
        if counts.len() != expected {
            let found = counts.len();
            return Err(format!("{found} settings, expected {expected}"));
        }
        let curves = counts.into_iter().map(|(key, counts)| {
            let validation = counts.into_iter().map(|count| count / validation_images);
            let validation = validation.collect();
            (key, RecordedCurve { validation })
        });
        Ok(Self {
            axes,
            curves: curves.collect(),
            epochs: epochs as u32,
        })
    }

    /// The settings that can be looked up: whoever draws from it evenly draws every row as often.
    ///
    /// # Errors
    /// The grid has no range.
    pub fn space(&self) -> Result<Space, SpaceError> {
        let distribution = |axis: &Axis| Ok((axis.name.clone(), axis.distribution()?));
        let distributions = self.axes.iter().map(distribution);
        distributions.collect()
    }

    /// The row nearest to a setting of the space.
    ///
    /// # Panics
    /// The setting is of another space.
    #[must_use]
    pub fn nearest(&self, setting: &Parameters) -> &RecordedCurve {
        let nearest = |axis: &Axis| axis.nearest(&setting[&axis.name]);
        let key: Vec<usize> = self.axes.iter().map(nearest).collect();
        &self.curves[&key]
    }

    /// The share of the images that the row nearest to a setting classifies wrongly at the end.
    ///
    /// # Panics
    /// The setting is of another space.
    #[must_use]
    pub fn loss(&self, setting: &Parameters) -> f64 {
        self.final_loss(self.nearest(setting))
    }

    /// That of the best row.
    #[must_use]
    pub fn least_loss(&self) -> f64 {
        let losses = self.curves.values().map(|curve| self.final_loss(curve));
        losses.fold(f64::INFINITY, f64::min)
    }

    fn final_loss(&self, curve: &RecordedCurve) -> f64 {
        let last = curve.validation.get(self.epochs as usize - 1);
        last.map_or(1.0, |score| 1.0 - score)
    }
}

fn in_file<T>(
    path: &Path,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, RecordedError> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    text.and_then(|text| read(&text))
        .map_err(|reason| RecordedError {
            path: path.display().to_string(),
            reason,
        })
}

impl Grid {
    fn parse(text: &str) -> Result<Self, String> {
        let file: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| error.to_string())?;
        let images = file
            .get("validation_images")
            .and_then(toml::Value::as_integer);
        let grid = file.get("grid").and_then(toml::Value::as_table);
        let grid = grid.ok_or("expected a table `grid`")?;
        let axes = grid.iter().map(|(name, values)| Axis::parse(name, values));
        Ok(Self {
            axes: axes.collect::<Result<_, String>>()?,
            validation_images: images.ok_or("expected a number `validation_images`")? as f64,
        })
    }
}

fn value(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Integer(value) => Value::Int(*value),
        toml::Value::Float(value) => Value::Float(*value),
        toml::Value::String(value) => Value::Text(value.clone()),
        _ => return None,
    })
}

/// What can be measured on an axis.
trait AsNumber {
    fn as_number(&self) -> Option<f64>;
}

impl AsNumber for Value {
    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
}

impl Axis {
    fn parse(name: &str, values: &toml::Value) -> Result<Self, String> {
        let values = values.as_array().filter(|values| values.len() > 1);
        let values = values.and_then(|values| values.iter().map(value).collect());
        let values: Vec<Value> = values.ok_or(format!("expected a list of values: `{name}`"))?;
        Ok(Self {
            name: name.to_owned(),
            is_log: values[0].as_number().is_some_and(|first| first > 0.0),
            values,
        })
    }

    /// Which value a cell of the table is.
    fn recorded(&self, cell: &str) -> Option<usize> {
        self.values.iter().position(|value| match value {
            Value::Bool(value) => cell.parse() == Ok(*value),
            Value::Text(value) => cell == value,
            Value::Int(value) => cell.parse() == Ok(*value),
            Value::Float(value) => cell.parse() == Ok(*value),
        })
    }

    /// On a log scale the range reaches half a step beyond the first and the last value.
    fn distribution(&self) -> Result<Distribution, SpaceError> {
        let numbers: Option<Vec<f64>> = self.values.iter().map(Value::as_number).collect();
        let Some(numbers) = numbers else {
            let choices = Choices::new(self.values.clone())?;
            return Ok(Distribution::Categorical { choices });
        };
        let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
        let half_step = if self.is_log {
            (last / first).powf(0.5 / (numbers.len() - 1) as f64)
        } else {
            1.0
        };
        let (low, high) = (first / half_step, last * half_step);
        Ok(match self.values[0] {
            Value::Int(_) => {
                let (low, high) = (low.round() as i64, high.round() as i64);
                Distribution::Int(IntRange::new(low, high, 1, self.is_log)?)
            }
            _ => Distribution::Float(FloatRange::new(low, high, self.is_log)?),
        })
    }

    fn nearest(&self, value: &Value) -> usize {
        if let Some(index) = self.values.iter().position(|known| known == value) {
            return index;
        }
        let at = |value: &Value| {
            let number = value.as_number().unwrap_or(f64::NAN);
            if self.is_log { number.ln() } else { number }
        };
        let distance = |index: &usize| (at(&self.values[*index]) - at(value)).abs();
        (0..self.values.len())
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .expect("an axis has values")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: &str = "validation_images = 5000\n[grid]\nlearning_rate = [0.01, 0.1]\noptimizer = [\"adamw\", \"sgd\"]\n";
    const TABLE: &str = "learning_rate,optimizer,validation_1,validation_2,test\n\
                         0.01,adamw,1000,2000,1\n0.01,sgd,1500,2500,1\n\
                         0.1,adamw,500,,\n0.1,sgd,4000,4500,1\n";

    fn recorded(table: &str) -> Result<Recorded, String> {
        Recorded::parse(Grid::parse(GRID).unwrap(), table)
    }

    #[test]
    fn settings_take_the_nearest_row() {
        let table = recorded(TABLE).unwrap();
        assert_eq!(table.epochs, 2);
        let look_up = |learning_rate: f64, optimizer: &str| {
            let setting: Parameters = [
                ("learning_rate".to_owned(), Value::Float(learning_rate)),
                ("optimizer".to_owned(), Value::Text(optimizer.to_owned())),
            ]
            .into();
            table.nearest(&setting).validation.clone()
        };
        assert_eq!(look_up(0.031, "sgd"), [0.3, 0.5]);
        assert_eq!(look_up(0.032, "sgd"), [0.8, 0.9]);
        assert_eq!(look_up(0.3, "adamw"), [0.1]);
    }

    #[test]
    fn tables_that_do_not_fit_are_refused() {
        let refusal = |table: &str| recorded(table).unwrap_err();
        let short = TABLE.lines().take(3).collect::<Vec<_>>().join("\n");
        assert_eq!(refusal(&short), "2 settings, expected 4");
        let other = TABLE.replace("sgd,4000", "rmsprop,4000");
        assert_eq!(
            refusal(&other),
            "not of this grid: `0.1,rmsprop,4000,4500,1`"
        );
        assert!(refusal("a,b\n").starts_with("expected the columns"));
    }

    #[test]
    fn the_shipped_table_is_complete() {
        let workspace = Workspace::found().unwrap();
        let table = Recorded::lenet(&workspace).unwrap();
        assert_eq!((table.epochs, table.curves.len()), (9, 576));
        assert!(table.space().is_ok());
    }
}
