//! Decides what a bundle's `model.toml` says: which network, what it is shown, and whose it is. It
//! does not know weights.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tabsweep_picture::{Picture, Resize};
use thiserror::Error;

/// The longest side of a model's input.
const LONGEST: usize = 1024;

/// What a `model.toml` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What people call the model.
    pub name: String,
    /// Which network.
    pub architecture: Architecture,
    /// What it is shown.
    pub input: Input,
    /// How a picture of another size becomes its input.
    pub resize: Resize,
    /// Whose it is.
    pub provenance: Provenance,
}

/// Which network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Architecture {
    /// Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
    /// Applications" (2017): ReLU6, padded as TensorFlow's SAME.
    MobilenetV1 {
        /// Share of the full network's channels, such as 0.75.
        width: f64,
        /// Where layers have a batch-norm of their own: what is added to its variance. Left out, it
        /// is part of weights and biases already.
        batch_norm_epsilon: Option<f64>,
    },
    /// A network as trials train them; it normalises pixels for itself.
    Lenet {
        /// Hyper-parameters, as a study names them.
        #[serde(default)]
        setting: Map<String, Value>,
    },
}

/// What a network is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 3 for red, green and blue, 1 for grey.
    pub channels: usize,
    /// How bytes become numbers; for a network that does not do so for itself.
    pub normalisation: Option<Normalisation>,
}

/// (byte − mean) ÷ deviation, for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Bytes that become 0.
    pub mean: Vec<f32>,
    /// How many steps of a byte become 1.
    pub deviation: Vec<f32>,
}

/// Whose a model is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Who trained it, on what, and what was done to the weights since.
    pub source: String,
    /// What one may do with it, such as `Apache-2.0`.
    pub licence: String,
}

/// What is wrong with a `model.toml`.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DescriptionError {
    /// It is no such file: a line says why.
    #[error("model.toml, line {line}, column {column}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was expected.
        reason: String,
    },
    /// A value is out of its range.
    #[error("model.toml: {field} is {found}, expected {expected}")]
    Value {
        /// Which value.
        field: &'static str,
        /// What it is.
        found: String,
        /// What it could be.
        expected: String,
    },
}

impl Description {
    /// The description in the text of a `model.toml`.
    ///
    /// # Errors
    /// It is none, or a value is out of its range.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let description: Self = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        description.check()?;
        Ok(description)
    }

    fn check(&self) -> Result<(), DescriptionError> {
        let name = self.name.trim();
        let is_named = !name.is_empty() && name.len() <= 200;
        expect(is_named, "name", &self.name, "1 to 200 bytes of text")?;
        self.architecture.check(&self.input)?;
        self.input.check()?;
        if let Resize::Crop { share, .. } = self.resize {
            let is_share = share > 0.0 && share <= 1.0;
            expect(is_share, "resize.share", &share, "above 0, at most 1")?;
        }
        Ok(())
    }
}

impl Architecture {
    fn check(&self, input: &Input) -> Result<(), DescriptionError> {
        let normalises = input.normalisation.is_some();
        let found = if normalises { "given" } else { "missing" };
        match self {
            Self::MobilenetV1 {
                width,
                batch_norm_epsilon,
            } => {
                let is_width = *width > 0.0 && *width <= 2.0;
                expect(is_width, "architecture.width", width, "above 0, at most 2")?;
                let epsilon = batch_norm_epsilon.unwrap_or(1e-3);
                let is_epsilon = epsilon > 0.0 && epsilon < 1.0;
                let field = "architecture.batch_norm_epsilon";
                expect(is_epsilon, field, &epsilon, "between 0 and 1")?;
                let field = "input.normalisation";
                expect(normalises, field, &found, "a mean and a deviation")
            }
            Self::Lenet { .. } => {
                let channels = input.channels;
                expect(channels == 1, "input.channels", &channels, "1 for a LeNet")?;
                let field = "input.normalisation";
                expect(!normalises, field, &found, "none: a LeNet has its own")
            }
        }
    }
}

impl Input {
    fn check(&self) -> Result<(), DescriptionError> {
        let expected = format!("1 to {LONGEST}");
        for (field, length) in [("input.width", self.width), ("input.height", self.height)] {
            expect((1..=LONGEST).contains(&length), field, &length, &expected)?;
        }
        let is_known = [1, Picture::CHANNELS].contains(&self.channels);
        expect(is_known, "input.channels", &self.channels, "1 or 3")?;
        match &self.normalisation {
            Some(normalisation) => normalisation.check(self.channels),
            None => Ok(()),
        }
    }
}

impl Normalisation {
    fn check(&self, channels: usize) -> Result<(), DescriptionError> {
        let expected = format!("a finite number for each of {channels} channels");
        for (field, values, lowest) in [
            ("input.normalisation.mean", &self.mean, f32::MIN),
            ("input.normalisation.deviation", &self.deviation, 1e-3),
        ] {
            let is_fine = values.len() == channels
                && values
                    .iter()
                    .all(|value| value.is_finite() && *value >= lowest);
            expect(is_fine, field, &format!("{values:?}"), &expected)?;
        }
        Ok(())
    }
}

fn expect(
    holds: bool,
    field: &'static str,
    found: &impl ToString,
    expected: &str,
) -> Result<(), DescriptionError> {
    if holds {
        return Ok(());
    }
    Err(DescriptionError::Value {
        field,
        found: found.to_string(),
        expected: expected.to_owned(),
    })
}

fn syntax(text: &str, error: &toml::de::Error) -> DescriptionError {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = &text.as_bytes()[..at];
    let line_start = before.iter().rposition(|&byte| byte == b'\n');
    DescriptionError::Syntax {
        line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: at - line_start.map_or(0, |newline| newline + 1) + 1,
        reason: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_picture::Filter;

    use super::*;

    const MOBILENET: &str = include_str!("../../server/bundles/mobilenet_v1_0.75_192/model.toml");

    #[test]
    fn the_example_is_a_mobilenet() {
        let description = Description::parse(MOBILENET).unwrap();
        let expected = Architecture::MobilenetV1 {
            width: 0.75,
            batch_norm_epsilon: None,
        };
        assert_eq!(description.architecture, expected);
        let expected = Resize::Crop {
            share: 0.875,
            filter: Filter::Bilinear,
        };
        assert_eq!(description.resize, expected);
    }

    #[test]
    fn a_lenet_needs_nothing_but_a_setting() {
        let text = "name = 'Digits'
            architecture = { type = 'lenet', setting = { conv1_channels = 8 } }
            input = { width = 28, height = 28, channels = 1 }
            resize = { fit = 'squash', filter = 'area' }
            provenance = { source = 'trial 4', licence = 'CC0-1.0' }";
        let description = Description::parse(text).unwrap();
        let filter = Filter::Area;
        assert_eq!(description.resize, Resize::Squash { filter });
        let with_colours = text.replace("channels = 1", "channels = 3");
        assert_names(&with_colours, "input.channels is 3, expected 1 for a LeNet");
    }

    #[track_caller]
    fn assert_names(text: &str, expected: &str) {
        let found = Description::parse(text).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn each_fault_is_named() {
        let with = |from: &str, to: &str| {
            assert!(MOBILENET.contains(from), "{from}");
            MOBILENET.replace(from, to)
        };
        assert_names(
            &with("width = 0.75", "width = 0"),
            "architecture.width is 0",
        );
        assert_names(&with("share = 0.875", "share = 1.5"), "resize.share is 1.5");
        assert_names(
            &with("height = 192", "height = 0"),
            "input.height is 0, expected 1 to 1024",
        );
        assert_names(
            &with("deviation = [127.5, ", "deviation = ["),
            "input.normalisation.deviation",
        );
        assert_names(&with("mobilenet_v1", "resnet"), "unknown variant `resnet`");
        assert_names("name = ", "model.toml, line 1, column");
        assert_names(
            "nickname = 'x'",
            "line 1, column 1: unknown field `nickname`",
        );
    }
}
