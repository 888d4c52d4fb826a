//! The whole model agrees with PyTorch: losses, gradients by way of the steps they lead to, running
//! statistics and predictions. The numbers were made by this script with PyTorch 2.15:
//!
//! ```python
//! import torch
//! import torch.nn as nn, torch.nn.functional as F
//!
//! def value(i):
//!     i = (i + 1) * 2654435761 % 2**32
//!     i = (i ^ i >> 15) * 2246822519 % 2**32
//!     return ((i ^ i >> 13) >> 8) / 2**24 - 0.5
//!
//! def values(shape, seed):
//!     count = torch.Size(shape).numel()
//!     return torch.tensor([value(1000 * seed + i) for i in range(count)]).reshape(shape)
//!
//! class LeNet(nn.Module):
//!     def __init__(self):
//!         super().__init__()
//!         self.conv1, self.norm1 = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)
//!         self.conv2, self.norm2 = nn.Conv2d(3, 9, 3), nn.BatchNorm2d(9)
//!         self.hidden, self.norm3 = nn.Linear(18, 7), nn.BatchNorm1d(7)
//!         self.output = nn.Linear(7, 4)
//!     def forward(self, x):
//!         x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
//!         x = F.relu(self.norm2(F.max_pool2d(self.conv2(x), 2)))
//!         return self.output(F.relu(self.norm3(self.hidden(x.flatten(1)))))
//!
//! for optimizer in (torch.optim.AdamW, torch.optim.SGD):
//!     model = LeNet()
//!     with torch.no_grad():
//!         for seed, parameter in enumerate(model.parameters()):
//!             parameter.copy_(values(parameter.shape, seed))
//!     images, labels = values((6, 1, 14, 12), 99), torch.arange(6) % 4
//!     more = {} if optimizer is torch.optim.AdamW else {"momentum": 0.9}
//!     optimizer = optimizer(model.parameters(), lr=0.01, weight_decay=0.1, **more)
//!     losses = []
//!     for _ in range(6):
//!         loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
//!         optimizer.zero_grad(); loss.backward(); optimizer.step()
//!         losses.append(loss.item())
//!     print(losses)
//!     print(model.norm2.running_var.tolist())
//!     print(model.eval()(images)[5].tolist())
//! ```

use crate::fixtures::setting;
use tabsweep_trainer::architecture::{Architecture, Role, TensorSpec, initial_values};
use tabsweep_trainer::kernels::width::Width;
use tabsweep_trainer::lenet::LeNet;
use tabsweep_trainer::network::Randomness;
use tabsweep_trainer::optimizer::Optimizer;
use tabsweep_trainer::philox::Philox;

/// The script's `value`.
fn value(index: u32) -> f32 {
    let mixed = index.wrapping_add(1).wrapping_mul(2_654_435_761);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
    (((mixed ^ (mixed >> 13)) >> 8) as f32) / 16_777_216.0 - 0.5
}

fn values(count: usize, seed: u32) -> Vec<f32> {
    (1000 * seed..).take(count).map(value).collect()
}

fn model() -> LeNet {
    let setting = setting(r#"{"batch_norm": true}"#);
    let architecture = Architecture::new(&setting, 4, 14, 12).unwrap();
    let mut seed = 0;
    LeNet::new(
        architecture,
        Width::widest(),
        |spec: &TensorSpec| match spec.role {
            Role::Running { .. } => Ok(initial_values(spec, &Philox::new(0))),
            Role::Drawn { .. } | Role::Constant { .. } => {
                seed += 1;
                Ok::<_, candle_core::Error>(values(spec.shape.iter().product(), seed - 1))
            }
        },
    )
    .unwrap()
}

struct Golden {
    optimizer: &'static str,
    tolerance: f32,
    losses: [f32; 6],
    running_var: [f32; 9],
    /// Of the last image, by the running statistics.
    logits: Option<[f32; 4]>,
}

fn check(golden: &Golden) {
    let setting = setting(&format!(
        r#"{{"optimizer": "{}", "weight_decay": 0.1}}"#,
        golden.optimizer
    ));
    let model = model();
    let count = model.parameters().elem_count();
    let mut optimizer = Optimizer::fresh(&setting, Width::widest(), count);
    let images = values(6 * 14 * 12, 99);
    for (step, expected) in (0_u64..).zip(golden.losses) {
        let randomness = Randomness {
            philox: Philox::new(0),
            step,
        };
        let fill = |input: &mut [f32]| input.copy_from_slice(&images);
        let loss = model
            .loss(fill, &[0, 1, 2, 3, 0, 1], 0.1, randomness)
            .unwrap();
        assert_close(&[loss.to_scalar().unwrap()], &[expected], golden.tolerance);
        loss.backward().unwrap();
        model.with_gradient(|gradient| {
            let is_finite = optimizer.update(model.parameters(), gradient, 0.01, step + 1);
            assert!(is_finite.unwrap());
        });
    }
    let tensors = model.tensors().unwrap();
    let (_, running_var) = tensors
        .iter()
        .find(|(spec, _)| spec.name == "norm2.running_var")
        .unwrap();
    assert_close(running_var, &golden.running_var, golden.tolerance);
    if let Some(expected) = golden.logits {
        let fill = |input: &mut [f32]| input.copy_from_slice(&images);
        let logits = model.logits(fill, 6).unwrap();
        let found = &logits[5 * 4..];
        assert_close(found, &expected, golden.tolerance);
    }
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < tolerance,
            "{found} is not {expected}"
        );
    }
}

#[test]
fn trains_as_pytorch_does_with_adamw() {
    check(&Golden {
        optimizer: "adamw",
        // Adam's first steps have the sign of the gradient and hardly its size: where that is nearly
        // 0, rounding decides, as it does for biases that a batch-norm takes out again.
        tolerance: 1e-3,
        losses: [
            1.5550597, 1.458292, 1.3887686, 1.3319952, 1.2893505, 1.2539631,
        ],
        running_var: [
            0.53900397, 0.5393578, 0.54662305, 0.5471722, 0.5354196, 0.5439888, 0.53373986,
            0.53534776, 0.54041773,
        ],
        // They feel the biases.
        logits: None,
    });
}

#[test]
fn trains_as_pytorch_does_with_sgd() {
    check(&Golden {
        optimizer: "sgd",
        tolerance: 2e-5,
        losses: [
            1.5550597, 1.5406207, 1.5120327, 1.4775397, 1.4402984, 1.4095111,
        ],
        running_var: [
            0.5393883, 0.5397991, 0.5473472, 0.5476652, 0.5349251, 0.544039, 0.53347975, 0.5348878,
            0.5402846,
        ],
        logits: Some([-0.4212001, -0.24048688, -0.08342885, 0.37641907]),
    });
}
