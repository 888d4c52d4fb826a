//! A training ends at the first step after which anything is infinite or no number, and says which.

use crate::fixtures::{data, forged, setting, train_until, training};
use tabsweep_trainer::tensor_file::Entry;
use tabsweep_trainer::{Progress, Training, TrainingError};

const IMAGES: usize = 64;

#[test]
fn divergence_is_a_result_with_its_step() {
    let setting = setting(r#"{"learning_rate": 10, "weight_decay": 1, "epochs": 50}"#);
    let mut training = training(&setting, IMAGES);
    let (step, loss) = loop {
        match training.advance() {
            Ok(Progress::Finished(figures)) => panic!("did not diverge: {figures:?}"),
            Ok(_) => {}
            Err(TrainingError::Diverged { step, loss }) => break (step, loss),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(step, training.step() + 1);
    let again = training.advance().unwrap_err();
    assert_eq!(
        again.to_string(),
        format!("diverged at step {step} with a loss of {loss}")
    );
}

/// What is made of a checkpoint so that the step after it fails.
struct Case {
    setting: &'static str,
    /// Tensors and what all of their values become.
    tensors: &'static [(&'static str, f32)],
    /// Steps before it.
    done: u64,
    has_finite_loss: bool,
}

impl Case {
    fn check(&self) {
        let setting = setting(self.setting);
        let mut before = training(&setting, IMAGES);
        train_until(&mut before, self.done);
        let mut checkpoint = before.checkpoint();
        for &(name, value) in self.tensors {
            checkpoint = forged(&checkpoint, name, |entry| fill(entry, value));
        }
        let mut training = Training::resume(setting, 42, data(IMAGES), &checkpoint).unwrap();
        for _ in 0..2 {
            let error = training.advance().unwrap_err();
            let TrainingError::Diverged { step, loss } = error else {
                panic!("{:?}: {error}", self.tensors);
            };
            assert_eq!(step, self.done + 1, "{:?}", self.tensors);
            assert_eq!(loss.is_finite(), self.has_finite_loss, "{:?}", self.tensors);
            assert_eq!(training.step(), self.done);
        }
    }
}

fn fill(entry: &mut Entry, value: f32) {
    for bytes in entry.bytes.as_chunks_mut::<4>().0 {
        *bytes = value.to_le_bytes();
    }
}

#[test]
fn a_loss_that_is_no_number_ends_it() {
    // Infinite logits, whose differences are no numbers.
    let case = Case {
        setting: "{}",
        tensors: &[("hidden.bias", 1e10), ("output.weight", 1e30)],
        done: 3,
        has_finite_loss: false,
    };
    case.check();
}

#[test]
fn no_number_is_hidden_on_its_way_to_the_loss() {
    // The convolutions overflow to both sides, so that sums are no numbers where ReLUs and pools
    // could lose them.
    let settings = [
        "{}",
        r#"{"conv1_channels": 8}"#,
        r#"{"batch_norm": true}"#,
        r#"{"conv1_channels": 8, "batch_norm": true}"#,
        r#"{"middle_channels": 5, "dropout": 0.5}"#,
    ];
    for setting in settings {
        let case = Case {
            setting,
            tensors: &[
                ("conv1.bias", 3e38),
                ("conv1.weight", 3e38),
                ("conv2.weight", -3e38),
            ],
            done: 1,
            has_finite_loss: false,
        };
        case.check();
    }
}

#[test]
fn a_weight_that_overflows_ends_it() {
    let case = Case {
        setting: r#"{"learning_rate": 10}"#,
        tensors: &[("optimizer.velocity.output.weight", 3e38)],
        done: 0,
        has_finite_loss: true,
    };
    case.check();
}

#[test]
fn a_velocity_that_overflows_ends_it() {
    // Units that are off: the loss does not see their biases, but weight decay does.
    let case = Case {
        setting: r#"{"weight_decay": 1}"#,
        tensors: &[
            ("hidden.bias", -3e38),
            ("optimizer.velocity.hidden.bias", -3e38),
        ],
        done: 2,
        has_finite_loss: true,
    };
    case.check();
}

#[test]
fn a_second_moment_that_overflows_ends_it_before_a_weight_does() {
    // The loss does not see the units, but the gradient of their weights does; and dividing by an
    // infinite moment leaves the weights as they are.
    let case = Case {
        setting: r#"{"optimizer": "adamw"}"#,
        tensors: &[("hidden.bias", 1e23), ("output.weight", 0.0)],
        done: 5,
        has_finite_loss: true,
    };
    case.check();
}

#[test]
fn a_running_variance_that_overflows_ends_it() {
    // Values so far apart that their variance is infinite are normalised to 0: the loss is finite.
    let settings = [
        r#"{"batch_norm": true, "optimizer": "adamw"}"#,
        r#"{"batch_norm": true, "optimizer": "sgd"}"#,
    ];
    for setting in settings {
        let case = Case {
            setting,
            tensors: &[("conv1.weight", 1e25)],
            done: 4,
            has_finite_loss: true,
        };
        case.check();
    }
}
