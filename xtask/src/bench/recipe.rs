//! The settings whose accuracy is measured, read from one file, and what is hoped of each.
//! Knows them as JSON only: whether one is a setting, the runner says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bench::case::Setting;
use crate::workspace::Workspace;

/// A setting with its goals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Chosen by it on the command line.
    pub name: String,
    /// Mean accuracy on test images, in percent.
    pub goal_percent: f64,
    /// Mean time of all steps; `None` where it does not matter.
    pub goal_secs: Option<f64>,
    /// Trainings, with seeds from 1.
    pub seeds: u64,
    /// Model and training.
    pub setting: Setting,
}

/// Why there are no recipes.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// A file can't be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {source}", path.display())]
    NotUnderstood {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: toml::de::Error,
    },
    /// A recipe has no setting.
    #[error("recipe `{name}` needs a setting, or a study that enqueues one")]
    NoSetting {
        /// The recipe.
        name: String,
    },
    /// There is no such recipe.
    #[error("there is no recipe `{name}`; there are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// All names there are, separated by commas.
        known: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    recipe: Vec<Written>,
}

/// A recipe as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    goal_percent: f64,
    goal_secs: Option<f64>,
    seeds: u64,
    setting: Option<Setting>,
    /// A study file, relative to the clone, whose first setting it is.
    study: Option<PathBuf>,
}

/// What matters here of a study file.
#[derive(Deserialize)]
struct Study {
    space: Setting,
    #[serde(default)]
    enqueue: Vec<Setting>,
}

/// The recipes of the clone: those named, or all.
///
/// # Errors
/// A file is not what it should be, or a name is unknown.
pub fn chosen(workspace: &Workspace, names: &[String]) -> Result<Vec<Recipe>, RecipeError> {
    let all = read_all(workspace)?;
    if let Some(name) = names
        .iter()
        .find(|name| all.iter().all(|recipe| recipe.name != **name))
    {
        let known: Vec<_> = all.iter().map(|recipe| recipe.name.as_str()).collect();
        return Err(RecipeError::Unknown {
            name: name.clone(),
            known: known.join(", "),
        });
    }
    let is_chosen = |recipe: &Recipe| names.is_empty() || names.contains(&recipe.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

fn read_all(workspace: &Workspace) -> Result<Vec<Recipe>, RecipeError> {
    let file: File = read(&workspace.bench().join("recipes.toml"))?;
    let recipe = |written| read_setting(workspace.root(), written);
    file.recipe.into_iter().map(recipe).collect()
}

fn read_setting(root: &Path, written: Written) -> Result<Recipe, RecipeError> {
    let setting = match (written.setting, written.study) {
        (Some(setting), None) => Some(setting),
        (None, Some(study)) => read::<Study>(&root.join(study))?.first_setting(),
        _ => None,
    };
    Ok(Recipe {
        setting: setting.ok_or(RecipeError::NoSetting {
            name: written.name.clone(),
        })?,
        name: written.name,
        goal_percent: written.goal_percent,
        goal_secs: written.goal_secs,
        seeds: written.seeds,
    })
}

impl Study {
    /// What the space fixes, and what is enqueued first.
    fn first_setting(self) -> Option<Setting> {
        let enqueued = self.enqueue.into_iter().next()?;
        let is_fixed = |(_, value): &(String, serde_json::Value)| !value.is_object();
        Some(
            self.space
                .into_iter()
                .filter(is_fixed)
                .chain(enqueued)
                .collect(),
        )
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, RecipeError> {
    let text = fs::read_to_string(path).map_err(|source| RecipeError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|source| RecipeError::NotUnderstood {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_recipes_are_read() {
        let workspace = Workspace::found().unwrap();
        let recipes = chosen(&workspace, &[]).unwrap();
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(names, ["one_epoch", "two_epochs", "start", "best"]);
        let only = chosen(&workspace, &["start".to_owned()]).unwrap();
        assert_eq!(only, recipes[2..3]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = chosen(&Workspace::found().unwrap(), &["middle".to_owned()]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("there is no recipe `middle`; there are one_epoch,"),
            "{text}"
        );
    }

    #[test]
    fn a_study_begins_with_what_it_fixes_and_enqueues() {
        let study: Study = toml::from_str(
            "[space]\nkernel_size = 5\ndropout = { type = \"float\", low = 0.0, high = 0.4 }\n\
             [[enqueue]]\ndropout = 0.1\n[[enqueue]]\ndropout = 0.2\n",
        )
        .unwrap();
        let setting = serde_json::to_value(study.first_setting().unwrap()).unwrap();
        assert_eq!(
            setting,
            serde_json::json!({"kernel_size": 5, "dropout": 0.1})
        );
    }
}
