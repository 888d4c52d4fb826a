//! Decides what the model is to candle: one variable with all parameters, and the loss of a batch as
//! one operation on the gradient tape. It does not know how it is trained or where weights are kept.
//!
//! The layers inside are ours ([`network`](crate::network)), in one operation rather than one each:
//! candle's tape would fill a tensor with zeros for every gradient between two layers and add to it
//! into a third, which costs memory and time that kept buffers don't.

use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, Var};

use crate::architecture::{Architecture, Role, TensorSpec};
use crate::kernels::update::all_finite;
use crate::kernels::width::Width;
use crate::network::{Network, Randomness};

/// A model with values in its tensors, which change in place as it is trained.
///
/// Clones share them.
#[derive(Clone, Debug)]
pub struct LeNet {
    architecture: Architecture,
    /// All that an optimiser changes, in the order of [`Architecture::tensors`] and of memory.
    parameters: Var,
    workspace: Arc<Mutex<Workspace>>,
}

#[derive(Debug)]
struct Workspace {
    network: Network,
    gradient: Vec<f32>,
}

impl LeNet {
    /// The model whose tensor of each spec has the values that `values` gives, in the order of
    /// files, computed with vectors of `width`.
    ///
    /// # Errors
    /// The first error of `values`, or one of candle's if it gives another number of values than
    /// the spec's shape has.
    pub fn new<E: From<candle_core::Error>>(
        architecture: Architecture,
        width: Width,
        mut values: impl FnMut(&TensorSpec) -> std::result::Result<Vec<f32>, E>,
    ) -> std::result::Result<Self, E> {
        let mut network = Network::new(&architecture, width);
        let mut parameters = Vec::with_capacity(network.parameters_len());
        let mut running = Vec::new();
        for spec in architecture.tensors() {
            let values = values(&spec)?;
            match spec.role {
                Role::Running { .. } => running.push(values),
                _ => parameters.extend(spec.ordered_for_memory(values)),
            }
        }
        for (statistics, values) in network.running_mut().zip(running.chunks_exact_mut(2)) {
            statistics.mean = std::mem::take(&mut values[0]);
            statistics.variance = std::mem::take(&mut values[1]);
        }
        let count = network.parameters_len();
        let gradient = vec![0.0; count];
        Ok(Self {
            architecture,
            parameters: Var::from_vec(parameters, count, &Device::Cpu)?,
            workspace: Arc::new(Mutex::new(Workspace { network, gradient })),
        })
    }

    /// Its sizes.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// All that an optimiser changes, in one row.
    #[must_use]
    pub fn parameters(&self) -> &Var {
        &self.parameters
    }

    /// All tensors in the order of [`Architecture::tensors`], their values in that of files.
    ///
    /// # Errors
    /// If the parameters can't be read, which would be a fault of candle's.
    pub fn tensors(&self) -> Result<Vec<(TensorSpec, Vec<f32>)>> {
        let parameters = self.parameters.to_vec1::<f32>()?;
        let workspace = self.lock();
        let mut running = workspace
            .network
            .running()
            .flat_map(|statistics| [&statistics.mean, &statistics.variance]);
        let mut rest = parameters.as_slice();
        let specs = self.architecture.tensors().into_iter();
        Ok(specs
            .map(|spec| {
                let values = if spec.is_trained() {
                    let (values, after) = rest.split_at(spec.count());
                    rest = after;
                    spec.ordered_for_files(values.to_vec())
                } else {
                    running.next().expect("one for each running tensor").clone()
                };
                (spec, values)
            })
            .collect())
    }

    /// Whether the running statistics are finite.
    #[must_use]
    pub fn has_finite_statistics(&self) -> bool {
        let is_finite = |values: &[f32]| all_finite(values);
        self.lock()
            .network
            .running()
            .all(|running| is_finite(&running.mean) && is_finite(&running.variance))
    }

    /// The mean loss of a batch in training, a scalar: batch-norm by the batch's statistics, which
    /// the running ones follow, and dropout. `fill` writes the normalised images `[labels.len(),
    /// height, width]`.
    ///
    /// # Errors
    /// If candle fails where it should not.
    pub fn loss(
        &self,
        fill: impl FnOnce(&mut [f32]),
        labels: &[u8],
        label_smoothing: f64,
        randomness: Randomness,
    ) -> Result<Tensor> {
        fill(self.lock().network.input(labels.len()));
        self.parameters.apply_op1(Loss {
            workspace: self.workspace.clone(),
            labels: labels.to_vec(),
            label_smoothing,
            randomness,
        })
    }

    /// Shows the gradient that the backward pass of the last [`LeNet::loss`] left behind, in the
    /// order of [`LeNet::parameters`].
    pub fn with_gradient<T>(&self, see: impl FnOnce(&[f32]) -> T) -> T {
        see(&self.lock().gradient)
    }

    /// Logits `[count, classes]` by the running statistics, without dropout. `fill` writes the
    /// normalised images `[count, height, width]`.
    ///
    /// # Errors
    /// If candle fails where it should not.
    pub fn logits(&self, fill: impl FnOnce(&mut [f32]), count: usize) -> Result<Vec<f32>> {
        let mut workspace = self.lock();
        fill(workspace.network.input(count));
        let (storage, layout) = self.parameters.storage_and_layout();
        match &*storage {
            candle_core::Storage::Cpu(storage) => {
                let parameters = floats(storage, layout)?;
                Ok(workspace.network.infer(parameters).to_vec())
            }
            _ => candle_core::bail!("models are on the CPU"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Workspace> {
        lock(&self.workspace)
    }
}

fn lock(workspace: &Mutex<Workspace>) -> MutexGuard<'_, Workspace> {
    workspace.lock().expect("a pass does not panic")
}

/// The values of a contiguous CPU tensor.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("parameters are contiguous");
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// The loss of the images in the workspace as a function of the parameters.
struct Loss {
    workspace: Arc<Mutex<Workspace>>,
    labels: Vec<u8>,
    label_smoothing: f64,
    randomness: Randomness,
}

impl CustomOp1 for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn cpu_fwd(&self, parameters: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let parameters = floats(parameters, layout)?;
        let network = &mut lock(&self.workspace).network;
        let loss = network.loss(
            parameters,
            &self.labels,
            self.label_smoothing,
            self.randomness,
        );
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    /// Leaves the gradient in the workspace: candle would add it to zeros of its own.
    fn bwd(&self, parameters: &Tensor, _loss: &Tensor, _one: &Tensor) -> Result<Option<Tensor>> {
        let (storage, layout) = parameters.storage_and_layout();
        let candle_core::Storage::Cpu(storage) = &*storage else {
            candle_core::bail!("models are on the CPU");
        };
        let Workspace { network, gradient } = &mut *lock(&self.workspace);
        network.gradient(floats(storage, layout)?, gradient);
        Ok(None)
    }
}
