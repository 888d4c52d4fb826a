//! Every recipe has a setting that the trainer accepts.

use serde::Deserialize;
use serde_json::{Map, Value};
use tabsweep_trainer::Hyperparameters;

#[derive(Deserialize)]
struct Recipes {
    recipe: Vec<Recipe>,
}

#[derive(Deserialize)]
struct Recipe {
    name: String,
    setting: Option<Map<String, Value>>,
    study: Option<String>,
}

#[test]
fn every_setting_is_valid() {
    let recipes: Recipes = toml::from_str(include_str!("../recipes.toml")).unwrap();
    assert!(!recipes.recipe.is_empty());
    for Recipe {
        name,
        setting,
        study,
    } in recipes.recipe
    {
        match setting {
            Some(setting) => {
                let read = Hyperparameters::from_json(&setting);
                assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
            }
            // The server's own tests hold its study to be valid.
            None => assert!(study.is_some(), "{name} has neither setting nor study"),
        }
    }
}
