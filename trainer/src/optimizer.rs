//! Decides what an optimiser remembers between steps and applies its update to all parameters. It
//! does not know what a parameter is for, nor how its gradient came about.

use std::cell::{Cell, RefCell};

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Var};

use crate::hyperparameters::{Hyperparameters, OptimizerKind};
use crate::kernels::update::{self, AdamwStep};
use crate::kernels::width::Width;

/// What AdamW remembers of each weight.
const ADAMW_MOMENTS: [&str; 2] = ["first_moment", "second_moment"];
/// What SGD remembers of each weight.
const SGD_MOMENTS: [&str; 1] = ["velocity"];

/// The names of what an optimiser of `kind` remembers of each parameter, in its order.
#[must_use]
pub fn moment_names(kind: OptimizerKind) -> &'static [&'static str] {
    match kind {
        OptimizerKind::Adamw => &ADAMW_MOMENTS,
        OptimizerKind::Sgd => &SGD_MOMENTS,
    }
}

/// What an optimiser remembers, in the order of [`moment_names`], each as long as the parameters and
/// in their order.
pub type Moments = Vec<Vec<f32>>;

/// An optimiser between two steps.
#[derive(Clone, Debug)]
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    width: Width,
    moments: Moments,
}

impl Optimizer {
    /// An optimiser that goes on from `moments`.
    #[must_use]
    pub fn new(hyperparameters: &Hyperparameters, width: Width, moments: Moments) -> Self {
        Self {
            kind: hyperparameters.optimizer,
            weight_decay: hyperparameters.weight_decay,
            width,
            moments,
        }
    }

    /// An optimiser that has seen nothing yet, for `count` parameters.
    #[must_use]
    pub fn fresh(hyperparameters: &Hyperparameters, width: Width, count: usize) -> Self {
        let zeros = |_: &&str| vec![0.0; count];
        let names = moment_names(hyperparameters.optimizer).iter();
        Self::new(hyperparameters, width, names.map(zeros).collect())
    }

    /// What it remembers.
    #[must_use]
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// Changes `parameters` along `gradient` at `learning_rate`; `step` counts from 1. Gives whether
    /// parameters and moments are still finite.
    ///
    /// # Errors
    /// If candle fails where it should not.
    ///
    /// # Panics
    /// If there are not as many moments and gradients as parameters.
    pub fn update(
        &mut self,
        parameters: &Var,
        gradient: &[f32],
        learning_rate: f64,
        step: u64,
    ) -> Result<bool> {
        let update = Update {
            kind: self.kind,
            width: self.width,
            with: AdamwStep {
                learning_rate,
                weight_decay: self.weight_decay,
                step,
            },
            gradient,
            moments: RefCell::new(&mut self.moments),
            is_finite: Cell::new(true),
        };
        parameters.inplace_op1(&update)?;
        Ok(update.is_finite.get())
    }
}

/// An update in the form in which candle changes a variable in place.
struct Update<'a> {
    kind: OptimizerKind,
    width: Width,
    with: AdamwStep,
    gradient: &'a [f32],
    moments: RefCell<&'a mut Moments>,
    is_finite: Cell<bool>,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(&self, parameters: &mut CpuStorage, _layout: &Layout) -> Result<()> {
        let CpuStorage::F32(parameters) = parameters else {
            candle_core::bail!("parameters are single precision");
        };
        let mut moments = self.moments.borrow_mut();
        let is_finite = match (self.kind, moments.as_mut_slice()) {
            (OptimizerKind::Adamw, [first, second]) => update::adamw(
                self.width,
                parameters,
                self.gradient,
                (first, second),
                self.with,
            ),
            (OptimizerKind::Sgd, [velocity]) => {
                let rates = (self.with.learning_rate, self.with.weight_decay);
                update::sgd(self.width, parameters, self.gradient, velocity, rates)
            }
            (kind, moments) => unreachable!("{} moments for {kind:?}", moments.len()),
        };
        self.is_finite.set(is_finite);
        Ok(())
    }
}
