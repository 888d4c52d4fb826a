//! Which settings a table of learning curves has, and in which order: the file that stands beside
//! the table says so. Does not know how they are trained.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tabsweep_trainer::{HyperparameterError, Hyperparameters};

/// What a table records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// How many of the training images are trained with: the first.
    pub training_images: usize,
    /// How many of the validation images score: the first.
    pub validation_images: usize,
    /// Every training's.
    pub seed: u64,
    /// The values of each hyper-parameter that varies; a column of the table for each.
    pub grid: BTreeMap<String, Vec<Value>>,
    /// What all settings have in common.
    pub fixed: Map<String, Value>,
}

impl Grid {
    /// Values of the hyper-parameters that vary, in the order of their names; the last changes
    /// fastest.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<Value>> {
        self.grid.values().fold(vec![Vec::new()], |rows, values| {
            let longer = |row: &Vec<Value>| {
                let row = row.clone();
                values
                    .iter()
                    .map(move |value| [row.clone(), vec![value.clone()]].concat())
                    .collect::<Vec<_>>()
            };
            rows.iter().flat_map(longer).collect()
        })
    }

    /// The setting of a row.
    ///
    /// # Errors
    /// A value is none that the trainer knows.
    pub fn setting(&self, row: &[Value]) -> Result<Hyperparameters, HyperparameterError> {
        let mut setting = self.fixed.clone();
        setting.extend(self.grid.keys().cloned().zip(row.iter().cloned()));
        Hyperparameters::from_json(&setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_changes_fastest() {
        let grid = r#"
            training_images = 1
            validation_images = 1
            seed = 1
            [grid]
            learning_rate = [0.1, 0.2]
            batch_size = [8, 16]
            [fixed]
            epochs = 3
        "#;
        let grid: Grid = toml::from_str(grid).unwrap();
        let rows: Vec<String> = grid.rows().iter().map(|row| format!("{row:?}")).collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[1], "[Number(8), Number(0.2)]");
        let setting = grid.setting(&grid.rows()[2]).unwrap();
        assert_eq!((setting.batch_size, setting.epochs), (16, 3));
    }
}
