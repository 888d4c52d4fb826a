//! Decides what may be varied about a training: names, ranges and defaults. It does not know how
//! studies choose values, only how to read a chosen setting and say what is wrong with it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), β = 0.9, 0.999, ε = 1e-8.
    Adamw,
    /// Stochastic gradient descent with momentum 0.9 and L2 weight decay, as PyTorch's `SGD`.
    Sgd,
}

/// How the learning rate changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// The learning rate as given, at every step.
    Constant,
    /// Warm-up over 20 % of the steps from 1/25 of the rate, then a cosine down to nearly 0.
    OneCycle,
    /// Half a cosine from the learning rate to 0.
    Cosine,
}

/// One setting of a training, complete and in range.
///
/// In JSON it is an object; what is left out takes its default, unknown names are refused, and
/// integers may be written as whole floats (`5.0`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Hyperparameters {
    /// Channels of the first convolution, 1..=128, default 16.
    pub conv1_channels: usize,
    /// Channels of the second convolution, 1..=256, default 32.
    pub conv2_channels: usize,
    /// Height and width of the first convolution's kernel, 3 or 5, default 5.
    pub kernel_size: usize,
    /// Height and width of the second convolution's kernel, 3 or 5, default that of the first.
    pub conv2_kernel_size: usize,
    /// Channels of a 3×3 convolution without a pool between the other two, 0..=128, default 0:
    /// there is none.
    pub middle_channels: usize,
    /// Units of the hidden layer, 1..=1024, default 128.
    pub hidden_units: usize,
    /// Whether both convolutions and the hidden layer are batch-normalised, default true.
    pub batch_norm: bool,
    /// Share of hidden units dropped in training, 0..1, default 0.1.
    pub dropout: f64,
    /// Default AdamW.
    pub optimizer: OptimizerKind,
    /// Highest learning rate of the schedule, 1e-6..=10, default 0.01.
    pub learning_rate: f64,
    /// Weight decay, 0..=1, default 0.01; what it means is the optimiser's.
    pub weight_decay: f64,
    /// Images per step, 1..=1024, default 128; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Default one-cycle.
    pub schedule: ScheduleKind,
    /// Largest random shift of a training image along each axis, 0..=4 pixels, default 1. With a
    /// rotation, scaling or distortion, the shift is by fractions of pixels too.
    pub shift_px: usize,
    /// Largest random rotation of a training image, 0..=45 degrees, default 0.
    pub rotation_deg: f64,
    /// Largest random scaling of a training image along each axis, 0..=0.5 as the logarithm of the
    /// factor, default 0.
    pub scaling: f64,
    /// Largest random displacement of the points that an elastic distortion bends a training image
    /// by, 0..=8 pixels, default 0.
    pub distortion_px: f64,
    /// Whether an image is classified by the mean of the probabilities of itself and of four copies
    /// moved by a pixel, default false: better, in five times the time.
    pub test_time_augmentation: bool,
    /// Share of the target probability spread over all classes, 0..1, default 0.05.
    pub label_smoothing: f64,
    /// Passes over the training images, 1..=1000, default 2.
    pub epochs: usize,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Self::from_json(&Map::new()).expect("every default is in its range")
    }
}

/// Why a setting was refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum HyperparameterError {
    /// A value has the wrong type or lies outside its range.
    #[error("hyper-parameter `{name}` is {found}, expected {expected}")]
    Unsuitable {
        /// The hyper-parameter.
        name: &'static str,
        /// The value found, as JSON.
        found: Value,
        /// What would have been accepted.
        expected: String,
    },
    /// No hyper-parameter has this name.
    #[error("there is no hyper-parameter `{name}`; there are {known}")]
    Unknown {
        /// The name found.
        name: String,
        /// All names there are, separated by commas.
        known: String,
    },
}

impl Hyperparameters {
    /// Reads a setting from a JSON object.
    ///
    /// # Errors
    /// Names the first value of a wrong type or out of range, or the first unknown name.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, HyperparameterError> {
        let mut reader = Reader::new(object);
        let kernel_size = reader.kernel_size("kernel_size", 5)?;
        let setting = Self {
            conv1_channels: reader.integer("conv1_channels", 1..=128, 16)?,
            conv2_channels: reader.integer("conv2_channels", 1..=256, 32)?,
            kernel_size,
            conv2_kernel_size: reader.kernel_size("conv2_kernel_size", kernel_size)?,
            middle_channels: reader.integer("middle_channels", 0..=128, 0)?,
            hidden_units: reader.integer("hidden_units", 1..=1024, 128)?,
            batch_norm: reader.flag("batch_norm", true)?,
            dropout: reader.share("dropout", 0.1)?,
            optimizer: reader.choice("optimizer", "\"adamw\" or \"sgd\"", OptimizerKind::Adamw)?,
            learning_rate: reader.number("learning_rate", 1e-6..=10.0, 0.01)?,
            weight_decay: reader.number("weight_decay", 0.0..=1.0, 0.01)?,
            batch_size: reader.integer("batch_size", 1..=1024, 128)?,
            schedule: reader.choice(
                "schedule",
                "\"constant\", \"one_cycle\" or \"cosine\"",
                ScheduleKind::OneCycle,
            )?,
            shift_px: reader.integer("shift_px", 0..=4, 1)?,
            rotation_deg: reader.number("rotation_deg", 0.0..=45.0, 0.0)?,
            scaling: reader.number("scaling", 0.0..=0.5, 0.0)?,
            distortion_px: reader.number("distortion_px", 0.0..=8.0, 0.0)?,
            test_time_augmentation: reader.flag("test_time_augmentation", false)?,
            label_smoothing: reader.share("label_smoothing", 0.05)?,
            epochs: reader.integer("epochs", 1..=1000, 2)?,
        };
        reader.refuse_unknown()?;
        Ok(setting)
    }
}

impl TryFrom<Map<String, Value>> for Hyperparameters {
    type Error = HyperparameterError;

    fn try_from(object: Map<String, Value>) -> Result<Self, Self::Error> {
        Self::from_json(&object)
    }
}

/// Takes values out of an object and remembers which names exist.
struct Reader<'a> {
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn new(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            known: Vec::new(),
        }
    }

    fn value<T>(
        &mut self,
        name: &'static str,
        default: T,
        expected: impl FnOnce() -> String,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, HyperparameterError> {
        self.known.push(name);
        let Some(found) = self.object.get(name) else {
            return Ok(default);
        };
        read(found).ok_or_else(|| HyperparameterError::Unsuitable {
            name,
            found: found.clone(),
            expected: expected(),
        })
    }

    fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<usize>,
        default: usize,
    ) -> Result<usize, HyperparameterError> {
        let expected = || format!("an integer from {} to {}", range.start(), range.end());
        self.value(name, default, expected, |found| {
            whole(found).filter(|value| range.contains(value))
        })
    }

    fn kernel_size(
        &mut self,
        name: &'static str,
        default: usize,
    ) -> Result<usize, HyperparameterError> {
        let expected = || "3 or 5".to_owned();
        self.value(name, default, expected, |found| {
            whole(found).filter(|value| matches!(value, 3 | 5))
        })
    }

    fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, HyperparameterError> {
        let expected = || "true or false".to_owned();
        self.value(name, default, expected, Value::as_bool)
    }

    fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Result<f64, HyperparameterError> {
        let expected = || format!("a number from {:?} to {:?}", range.start(), range.end());
        self.value(name, default, expected, |found| {
            found.as_f64().filter(|value| range.contains(value))
        })
    }

    fn share(&mut self, name: &'static str, default: f64) -> Result<f64, HyperparameterError> {
        let expected = || "a number from 0 to below 1".to_owned();
        self.value(name, default, expected, |found| {
            found.as_f64().filter(|value| (0.0..1.0).contains(value))
        })
    }

    fn choice<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
        options: &str,
        default: T,
    ) -> Result<T, HyperparameterError> {
        let expected = || options.to_owned();
        self.value(name, default, expected, |found| {
            T::deserialize(found.clone()).ok()
        })
    }

    fn refuse_unknown(self) -> Result<(), HyperparameterError> {
        let unknown = |name: &&String| !self.known.contains(&name.as_str());
        match self.object.keys().find(unknown) {
            None => Ok(()),
            Some(name) => Err(HyperparameterError::Unknown {
                name: name.clone(),
                known: self.known.join(", "),
            }),
        }
    }
}

/// The integer that `found` is, whether it is written `5` or `5.0`.
fn whole(found: &Value) -> Option<usize> {
    let number = found.as_f64()?;
    // Every range is far below 2³², where each integer is a float exactly.
    let is_index = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    is_index.then_some(number as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Hyperparameters, HyperparameterError> {
        Hyperparameters::from_json(&serde_json::from_str(json).unwrap())
    }

    fn refusal(json: &str) -> String {
        read(json).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_object_is_the_default_setting() {
        let setting = read("{}").unwrap();
        assert_eq!(setting, Hyperparameters::default());
        assert_eq!(setting.conv2_channels, 32);
        assert_eq!(setting.schedule, ScheduleKind::OneCycle);
    }

    #[test]
    fn any_subset_may_be_given() {
        let setting =
            read(r#"{"optimizer": "sgd", "learning_rate": 1, "hidden_units": 64.0}"#).unwrap();
        assert_eq!(setting.optimizer, OptimizerKind::Sgd);
        assert_eq!(setting.learning_rate, 1.0);
        assert_eq!(setting.hidden_units, 64);
    }

    #[test]
    fn survives_a_round_trip_through_json() {
        let setting =
            read(r#"{"dropout": 0.3, "schedule": "cosine", "batch_norm": false}"#).unwrap();
        let json = serde_json::to_string(&setting).unwrap();
        assert_eq!(read(&json).unwrap(), setting);
        assert_eq!(
            serde_json::from_str::<Hyperparameters>(&json).unwrap(),
            setting
        );
    }

    #[test]
    fn refusals_name_parameter_value_and_range() {
        let cases = [
            (
                r#"{"conv1_channels": 0}"#,
                "hyper-parameter `conv1_channels` is 0, expected an integer from 1 to 128",
            ),
            (
                r#"{"hidden_units": 12.5}"#,
                "hyper-parameter `hidden_units` is 12.5, expected an integer from 1 to 1024",
            ),
            (
                r#"{"epochs": -1}"#,
                "hyper-parameter `epochs` is -1, expected an integer from 1 to 1000",
            ),
            (
                r#"{"batch_size": 1e300}"#,
                "hyper-parameter `batch_size` is 1e+300, expected an integer from 1 to 1024",
            ),
            (
                r#"{"kernel_size": 4}"#,
                "hyper-parameter `kernel_size` is 4, expected 3 or 5",
            ),
            (
                r#"{"dropout": 1.0}"#,
                "hyper-parameter `dropout` is 1.0, expected a number from 0 to below 1",
            ),
            (
                r#"{"learning_rate": 11}"#,
                "hyper-parameter `learning_rate` is 11, expected a number from 1e-6 to 10.0",
            ),
            (
                r#"{"batch_norm": 1}"#,
                "hyper-parameter `batch_norm` is 1, expected true or false",
            ),
            (
                r#"{"optimizer": "adam"}"#,
                "hyper-parameter `optimizer` is \"adam\", expected \"adamw\" or \"sgd\"",
            ),
        ];
        for (json, message) in cases {
            assert_eq!(refusal(json), message);
        }
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let message = refusal(r#"{"lr": 0.1}"#);
        assert!(message.starts_with("there is no hyper-parameter `lr`; there are kernel_size,"));
        assert!(message.ends_with("label_smoothing, epochs"));
    }
}
