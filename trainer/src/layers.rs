//! Decides what a layer is to candle's gradient tape: each is a custom operation whose forward and
//! backward passes are our own [`kernels`](crate::kernels). It does not know which layers a model has.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Storage, Tensor};

use crate::kernels::batch_norm::{self, Statistics};
use crate::kernels::convolution::{self, Pooled};
use crate::kernels::matrix::{Matrix, multiply};
use crate::kernels::{activation, bias_gradient, update};

/// The values of a contiguous CPU tensor.
pub(crate) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a layer was given a tensor that is not contiguous");
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// As [`floats`], for what a tensor lends out.
fn lent<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match storage {
        Storage::Cpu(storage) => floats(storage, layout),
        _ => candle_core::bail!("layers run on the CPU only"),
    }
}

/// Reads the values of several tensors: `read!(x, w => body)` sees `x` and `w` as slices.
macro_rules! read {
    ($($tensor:ident),+ => $body:expr) => {{
        $(let $tensor = $tensor.contiguous()?;)+
        $(let ($tensor, layout) = $tensor.storage_and_layout(); let $tensor = (&*$tensor, layout);)+
        $(let $tensor = lent($tensor.0, $tensor.1)?;)+
        $body
    }};
}

fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), like.device())
}

/// Whether no value of `tensor` is an infinity or a NaN.
///
/// # Errors
/// If it is not a tensor of floats on the CPU.
pub fn is_finite(tensor: &Tensor) -> Result<bool> {
    Ok(read!(tensor => update::all_finite(tensor)))
}

/// Valid convolution, 2×2 max-pool and bias.
///
/// `input` is `[images, height, width, channels_in]`, `weight` `[channels_out, channels_in, kernel,
/// kernel]`, `bias` `[channels_out]`; the result is `[images, rows, columns, channels_out]`.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn convolve_and_pool(input: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (images, height, width, channels_in) = input.dims4()?;
    let (channels_out, weight_channels, kernel, kernel_width) = weight.dims4()?;
    let fits = weight_channels == channels_in
        && kernel == kernel_width
        && matches!(kernel, 3 | 5)
        && bias.dims1()? == channels_out
        && height.min(width) > kernel;
    if !fits {
        candle_core::bail!(
            "{:?} can't be convolved with {:?}",
            input.shape(),
            weight.shape()
        );
    }
    let shape = convolution::Shape {
        images,
        height,
        width,
        channels_in,
        channels_out,
        kernel,
    };
    let operation = ConvolveAndPool {
        shape,
        winners: OnceLock::new(),
        // The first layer's input is data: nobody asks for its gradient.
        input_has_gradient: input.track_op(),
    };
    input.apply_op3(weight, bias, operation)
}

struct ConvolveAndPool {
    shape: convolution::Shape,
    winners: OnceLock<Vec<u8>>,
    input_has_gradient: bool,
}

impl CustomOp3 for ConvolveAndPool {
    fn name(&self) -> &'static str {
        "convolve_and_pool"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Pooled { values, winners } = convolution::forward(
            self.shape,
            floats(input, input_layout)?,
            floats(weight, weight_layout)?,
            floats(bias, bias_layout)?,
        );
        self.winners.get_or_init(|| winners);
        let shape = self.shape;
        let dims = (
            shape.images,
            shape.pooled_height(),
            shape.pooled_width(),
            shape.channels_out,
        );
        Ok((CpuStorage::F32(values), dims.into()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let winners = self.winners.get().expect("forward runs before backward");
        let shape = self.shape;
        let (for_input, for_weight, for_bias) = read!(input, weight, gradient => (
            self.input_has_gradient
                .then(|| convolution::input_gradient(shape, weight, winners, gradient)),
            convolution::weight_gradient(shape, input, winners, gradient),
            bias_gradient(gradient, shape.channels_out),
        ));
        Ok((
            for_input.map(|values| tensor(values, input)).transpose()?,
            Some(tensor(for_weight, weight)?),
            Some(tensor(for_bias, bias)?),
        ))
    }
}

/// `input` `[rows, inputs]` times the transpose of `weight` `[outputs, inputs]`, plus `bias`.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn linear(input: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (rows, inputs) = input.dims2()?;
    let (outputs, weight_inputs) = weight.dims2()?;
    if weight_inputs != inputs || bias.dims1()? != outputs {
        candle_core::bail!(
            "{:?} can't be multiplied with {:?}",
            input.shape(),
            weight.shape()
        );
    }
    input.apply_op3(
        weight,
        bias,
        Linear {
            rows,
            inputs,
            outputs,
        },
    )
}

struct Linear {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let input = Matrix::new(floats(input, input_layout)?, self.rows, self.inputs);
        let weight = Matrix::new(floats(weight, weight_layout)?, self.outputs, self.inputs);
        let bias = floats(bias, bias_layout)?;
        let mut result = multiply(input, weight.transposed());
        for row in result.chunks_exact_mut(self.outputs) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
        Ok((CpuStorage::F32(result), (self.rows, self.outputs).into()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (for_input, for_weight, for_bias) = read!(input, weight, gradient => {
            let of_result = Matrix::new(gradient, self.rows, self.outputs);
            (
                multiply(of_result, Matrix::new(weight, self.outputs, self.inputs)),
                multiply(of_result.transposed(), Matrix::new(input, self.rows, self.inputs)),
                bias_gradient(gradient, self.outputs),
            )
        });
        Ok((
            Some(tensor(for_input, input)?),
            Some(tensor(for_weight, weight)?),
            Some(tensor(for_bias, bias)?),
        ))
    }
}

/// Normalises the last dimension's channels with their statistics over all other dimensions, which
/// it gives back; `scale` and `shift` are `[channels]`.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn batch_norm(input: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<(Tensor, Statistics)> {
    check_channels(input, scale, shift)?;
    let statistics = Arc::new(OnceLock::new());
    let operation = BatchNorm {
        statistics: statistics.clone(),
        of_batch: true,
    };
    let result = input.apply_op3(scale, shift, operation)?;
    let statistics = statistics
        .get()
        .expect("forward sets the statistics")
        .clone();
    Ok((result, statistics))
}

/// Normalises the last dimension's channels with the statistics given.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn normalise(
    input: &Tensor,
    statistics: Statistics,
    scale: &Tensor,
    shift: &Tensor,
) -> Result<Tensor> {
    check_channels(input, scale, shift)?;
    let statistics = Arc::new(OnceLock::from(statistics));
    input.apply_op3(
        scale,
        shift,
        BatchNorm {
            statistics,
            of_batch: false,
        },
    )
}

fn check_channels(input: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<()> {
    let channels = input.dim(candle_core::D::Minus1)?;
    if scale.dims1()? != channels || shift.dims1()? != channels {
        candle_core::bail!("{:?} has not {:?} channels", input.shape(), scale.shape());
    }
    Ok(())
}

struct BatchNorm {
    statistics: Arc<OnceLock<Statistics>>,
    of_batch: bool,
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let values = floats(input, input_layout)?;
        let scale = floats(scale, scale_layout)?;
        let shift = floats(shift, shift_layout)?;
        let statistics = self
            .statistics
            .get_or_init(|| batch_norm::statistics(values, scale.len()));
        let result = batch_norm::normalise(values, statistics, scale, shift);
        Ok((CpuStorage::F32(result), input_layout.shape().clone()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let statistics = self.statistics.get().expect("forward runs before backward");
        let gradients = read!(input, scale, gradient => if self.of_batch {
            batch_norm::gradients_of_batch(input, statistics, scale, gradient)
        } else {
            batch_norm::gradients_of_given(input, statistics, scale, gradient)
        });
        Ok((
            Some(tensor(gradients.values, input)?),
            Some(tensor(gradients.scale, scale)?),
            Some(tensor(gradients.shift, shift)?),
        ))
    }
}

/// max(input, 0), elementwise.
///
/// # Errors
/// If the tensor is not one of floats.
pub fn relu(input: &Tensor) -> Result<Tensor> {
    input.apply_op1(Relu)
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let result = activation::relu(floats(input, layout)?);
        Ok((CpuStorage::F32(result), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let for_input = read!(result, gradient => activation::relu_gradient(result, gradient));
        Ok(Some(tensor(for_input, input)?))
    }
}

/// The elementwise product with constant `factors`, one per element of `input`: dropout.
///
/// # Errors
/// If there are not as many factors as elements.
pub fn scale(input: &Tensor, factors: Vec<f32>) -> Result<Tensor> {
    if factors.len() != input.elem_count() {
        candle_core::bail!(
            "{} factors for {} elements",
            factors.len(),
            input.elem_count()
        );
    }
    input.apply_op1(Scale { factors })
}

struct Scale {
    factors: Vec<f32>,
}

impl CustomOp1 for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let result = activation::scaled(floats(input, layout)?, &self.factors);
        Ok((CpuStorage::F32(result), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let for_input = read!(gradient => activation::scaled(gradient, &self.factors));
        Ok(Some(tensor(for_input, input)?))
    }
}

#[cfg(test)]
mod tests;
