//! Decides what an optimiser remembers between steps and applies its update to every weight. It
//! does not know what a weight is for, nor how its gradient came about.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Var};

use crate::hyperparameters::{Hyperparameters, OptimizerKind};
use crate::kernels::update::{self, AdamwStep};
use crate::layers::floats;

/// What AdamW remembers of each weight.
const ADAMW_MOMENTS: [&str; 2] = ["first_moment", "second_moment"];
/// What SGD remembers of each weight.
const SGD_MOMENTS: [&str; 1] = ["velocity"];

/// The names of what an optimiser of `kind` remembers of each weight, in its order.
#[must_use]
pub fn moment_names(kind: OptimizerKind) -> &'static [&'static str] {
    match kind {
        OptimizerKind::Adamw => &ADAMW_MOMENTS,
        OptimizerKind::Sgd => &SGD_MOMENTS,
    }
}

/// The moments of one tensor, in the order of [`moment_names`], each as long as the tensor.
pub type Moments = Vec<Vec<f32>>;

/// An optimiser between two steps.
#[derive(Clone, Debug)]
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    moments: Vec<Moments>,
}

impl Optimizer {
    /// An optimiser that goes on from `moments`, one per weight tensor.
    #[must_use]
    pub fn new(hyperparameters: &Hyperparameters, moments: Vec<Moments>) -> Self {
        Self {
            kind: hyperparameters.optimizer,
            weight_decay: hyperparameters.weight_decay,
            moments,
        }
    }

    /// An optimiser that has seen nothing yet, for tensors of `lengths` elements.
    #[must_use]
    pub fn fresh(hyperparameters: &Hyperparameters, lengths: impl Iterator<Item = usize>) -> Self {
        let count = moment_names(hyperparameters.optimizer).len();
        let zeros = |length| vec![vec![0.0; length]; count];
        Self::new(hyperparameters, lengths.map(zeros).collect())
    }

    /// What it remembers of each tensor, in the order of the tensors.
    #[must_use]
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Whether all it remembers is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.moments
            .iter()
            .flatten()
            .all(|values| update::all_finite(values))
    }

    /// Changes `weights` along `gradients` at `learning_rate`; `step` counts from 1.
    ///
    /// # Errors
    /// If a gradient has another shape than its weights.
    pub fn update(
        &mut self,
        weights: &[Var],
        gradients: &GradStore,
        learning_rate: f64,
        step: u64,
    ) -> Result<()> {
        for (weight, moments) in weights.iter().zip(&mut self.moments) {
            let gradient = gradients
                .get(weight)
                .expect("every trained tensor takes part in the loss");
            let update = Update {
                kind: self.kind,
                with: AdamwStep {
                    learning_rate,
                    weight_decay: self.weight_decay,
                    step,
                },
                moments: RefCell::new(moments),
            };
            weight.inplace_op2(&gradient.contiguous()?, &update)?;
        }
        Ok(())
    }
}

/// One tensor's update, in the form candle changes a variable in place.
struct Update<'a> {
    kind: OptimizerKind,
    with: AdamwStep,
    moments: RefCell<&'a mut Moments>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(
        &self,
        weight: &mut CpuStorage,
        _weight_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let CpuStorage::F32(weight) = weight else {
            candle_core::bail!("weights are single precision");
        };
        let gradient = floats(gradient, gradient_layout)?;
        let mut moments = self.moments.borrow_mut();
        match (self.kind, moments.as_mut_slice()) {
            (OptimizerKind::Adamw, [first, second]) => {
                update::adamw(weight, gradient, first, second, self.with);
            }
            (OptimizerKind::Sgd, [velocity]) => {
                let AdamwStep {
                    learning_rate,
                    weight_decay,
                    ..
                } = self.with;
                update::sgd(weight, gradient, velocity, learning_rate, weight_decay);
            }
            (kind, moments) => unreachable!("{} moments for {kind:?}", moments.len()),
        }
        Ok(())
    }
}
