//! Decides how a model gets into the page that classifies without a server. What the page shows is
//! built elsewhere: here it is a text with a place for the model.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use tabsweep_trainer::Hyperparameters;

/// What stands in the built page where the model goes.
const PLACE: &str = "<!--model-->";

/// Why there is no such page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The template is not the built page.
    #[error("the page has {found} places for a model, expected one: {PLACE}")]
    Places {
        /// How many there are.
        found: usize,
    },
}

/// What the page is told.
#[derive(Debug, Serialize)]
pub(crate) struct Model<'a> {
    pub(crate) setting: &'a Hyperparameters,
    pub(crate) classes: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) metadata: BTreeMap<&'static str, String>,
    /// Safetensors, in base 64.
    pub(crate) weights: String,
}

/// Bytes as text.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The template with the model in its place.
pub(crate) fn fill(template: &str, model: &Model) -> Result<String, PageError> {
    let parts: Vec<&str> = template.split(PLACE).collect();
    let [before, after] = parts[..] else {
        let found = parts.len() - 1;
        return Err(PageError::Places { found });
    };
    let json = serde_json::to_string(model).expect("text and numbers are JSON");
    // A study may be called anything, and nothing in its name shall end the element.
    let json = json.replace('<', "\\u003c");
    let element = format!("<script id=\"model\" type=\"application/json\">{json}</script>");
    Ok([before, &element, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model<'static> {
        let name = "</script><script>alert(1)</script>".to_owned();
        Model {
            setting: Box::leak(Box::default()),
            classes: 10,
            height: 28,
            width: 28,
            metadata: BTreeMap::from([("study", name)]),
            weights: encoded(b"weights"),
        }
    }

    #[test]
    fn no_name_of_a_study_ends_the_element() {
        let page = fill("<p>before</p><!--model--><p>after</p>", &model()).unwrap();
        let inside = page
            .strip_prefix("<p>before</p><script id=\"model\" type=\"application/json\">")
            .and_then(|rest| rest.strip_suffix("</script><p>after</p>"))
            .unwrap();
        assert!(!inside.contains('<'), "{inside}");
        let read: serde_json::Value = serde_json::from_str(inside).unwrap();
        assert_eq!(
            read["metadata"]["study"],
            "</script><script>alert(1)</script>"
        );
        assert_eq!(read["weights"], "d2VpZ2h0cw==");
    }

    #[test]
    fn a_page_without_a_place_is_an_error() {
        let places = |found| Err(PageError::Places { found });
        assert_eq!(fill("<p></p>", &model()), places(0));
        assert_eq!(fill("<!--model--><!--model-->", &model()), places(2));
    }
}
