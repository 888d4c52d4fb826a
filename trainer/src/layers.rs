//! Decides what a layer is to candle's gradient tape: each is a custom operation whose forward and
//! backward passes are our own [`kernels`]. It does not know which layers a model has.

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
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::loss::cross_entropy;
    use crate::philox::{Philox, Stream};

    /// Values within ±1, another sequence for each `number`.
    fn variable(number: u64, shape: &[usize]) -> Var {
        let mut draws = Philox::new(11).draws(Stream::Weights, number);
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| 2.0 * draws.unit() - 1.0).collect();
        Var::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// A scalar that every element of `result` enters with a weight of its own.
    fn weighted_sum(result: &Tensor) -> Tensor {
        let weights = variable(99, result.dims()).as_detached_tensor();
        result.mul(&weights).unwrap().sum_all().unwrap()
    }

    /// As [`weighted_sum`], in double precision.
    fn exact_sum(result: &Tensor) -> f64 {
        let weights = variable(99, result.dims()).flatten_all().unwrap();
        let weights = weights.to_vec1::<f32>().unwrap();
        let values = result.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let product = |(&value, &weight): (&f32, &f32)| f64::from(value) * f64::from(weight);
        values.iter().zip(&weights).map(product).sum()
    }

    /// Compares every element of every gradient with a central difference.
    fn check_gradients(arguments: &[Var], layer: impl Fn(&[Tensor]) -> Tensor) {
        const STEP: f32 = 1.0 / 512.0;
        let tensors: Vec<Tensor> = arguments
            .iter()
            .map(|var| var.as_tensor().clone())
            .collect();
        let gradients = weighted_sum(&layer(&tensors)).backward().unwrap();
        for (position, argument) in arguments.iter().enumerate() {
            let values = argument.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let gradient = gradients.get(argument).unwrap().flatten_all().unwrap();
            let gradient = gradient.to_vec1::<f32>().unwrap();
            let at = |index: usize, change: f32| {
                let mut values = values.clone();
                values[index] += change;
                let mut tensors = tensors.clone();
                tensors[position] =
                    Tensor::from_vec(values, argument.shape(), &Device::Cpu).unwrap();
                exact_sum(&layer(&tensors))
            };
            for (index, &found) in gradient.iter().enumerate() {
                let slope = (at(index, STEP) - at(index, -STEP)) / (2.0 * f64::from(STEP));
                let error = (slope - f64::from(found)).abs();
                assert!(
                    error < 1e-3,
                    "argument {position}[{index}]: {found} is not {slope}"
                );
            }
        }
    }

    #[test]
    fn gradients_of_linear() {
        let arguments = [
            variable(0, &[5, 11]),
            variable(1, &[9, 11]),
            variable(2, &[9]),
        ];
        check_gradients(&arguments, |t| linear(&t[0], &t[1], &t[2]).unwrap());
    }

    #[test]
    fn gradients_of_relu_and_scale() {
        let factors: Vec<f32> = (0..12).map(|index| (index % 3) as f32).collect();
        check_gradients(&[variable(0, &[3, 4])], |t| {
            scale(&relu(&t[0]).unwrap(), factors.clone()).unwrap()
        });
    }

    #[test]
    fn gradients_of_batch_norm() {
        let arguments = [
            variable(0, &[3, 2, 2, 5]),
            variable(1, &[5]),
            variable(2, &[5]),
        ];
        check_gradients(&arguments, |t| batch_norm(&t[0], &t[1], &t[2]).unwrap().0);
    }

    #[test]
    fn gradients_of_normalise() {
        let arguments = [variable(0, &[4, 3]), variable(1, &[3]), variable(2, &[3])];
        let given = Statistics {
            mean: vec![0.5, -0.5, 0.0],
            variance: vec![1.0, 0.25, 2.0],
        };
        check_gradients(&arguments, |t| {
            normalise(&t[0], given.clone(), &t[1], &t[2]).unwrap()
        });
    }

    #[test]
    fn gradients_of_cross_entropy() {
        check_gradients(&[variable(0, &[4, 6])], |t| {
            cross_entropy(&t[0], vec![0, 5, 2, 2], 0.1).unwrap()
        });
    }

    #[test]
    fn gradients_of_convolve_and_pool() {
        let arguments = [
            variable(0, &[2, 7, 8, 2]),
            variable(1, &[3, 2, 3, 3]),
            variable(2, &[3]),
        ];
        check_gradients(&arguments, |t| {
            convolve_and_pool(&t[0], &t[1], &t[2]).unwrap()
        });
    }

    /// The same by candle's own operations, channels first inside.
    fn stock_convolve_and_pool(input: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let input = input.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let convolved = input.conv2d(weight, 0, 1, 1, 1).unwrap();
        let (images, channels, height, width) = convolved.dims4().unwrap();
        let (rows, columns) = (height / 2, width / 2);
        let even = convolved.narrow(2, 0, rows * 2).unwrap();
        let even = even
            .narrow(3, 0, columns * 2)
            .unwrap()
            .contiguous()
            .unwrap();
        // Not `max_pool2d`: its gradient in candle 0.11 is a quarter of what it should be.
        let windows = even
            .reshape(vec![images, channels, rows, 2, columns, 2])
            .unwrap();
        let pooled = windows.max(5).unwrap().max(3).unwrap();
        let biased = pooled
            .broadcast_add(&bias.reshape((1, channels, 1, 1)).unwrap())
            .unwrap();
        biased.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap()
    }

    #[test]
    fn convolve_and_pool_agrees_with_candles_own() {
        let sizes = [
            (12, 12, 1, 16, 5),
            (9, 10, 3, 5, 3),
            (8, 7, 11, 9, 5),
            (6, 6, 8, 8, 3),
        ];
        for (height, width, channels_in, channels_out, kernel) in sizes {
            let arguments = [
                variable(0, &[2, height, width, channels_in]),
                variable(1, &[channels_out, channels_in, kernel, kernel]),
                variable(2, &[channels_out]),
            ];
            let [input, weight, bias] = &arguments;
            let ours = convolve_and_pool(input, weight, bias).unwrap();
            let stock = stock_convolve_and_pool(input, weight, bias);
            assert_close(&ours, &stock);
            let our_gradients = weighted_sum(&ours).backward().unwrap();
            let stock_gradients = weighted_sum(&stock).backward().unwrap();
            for argument in &arguments {
                let stock = stock_gradients.get(argument).unwrap();
                assert_close(our_gradients.get(argument).unwrap(), stock);
            }
        }
    }

    fn assert_close(found: &Tensor, expected: &Tensor) {
        assert_eq!(found.dims(), expected.dims());
        let difference = found.sub(expected).unwrap().abs().unwrap();
        let largest = difference.flatten_all().unwrap().max(0).unwrap();
        let largest = largest.to_scalar::<f32>().unwrap();
        assert!(largest < 1e-4, "off by {largest}");
    }

    #[test]
    fn a_nan_is_not_pooled_away() {
        for place in [0, 1, 9, 10, 39] {
            let mut values = vec![1.0_f32; 40];
            values[place] = f32::NAN;
            let input = Tensor::from_vec(values, (1, 4, 10, 1), &Device::Cpu).unwrap();
            let weight = Tensor::ones((1, 1, 3, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
            let bias = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu).unwrap();
            let pooled = convolve_and_pool(&input, &weight, &bias).unwrap();
            assert!(
                !is_finite(&relu(&pooled).unwrap()).unwrap(),
                "lost a NaN at {place}"
            );
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let input = variable(0, &[2, 7, 8, 2]);
        let bias = variable(2, &[3]);
        assert!(convolve_and_pool(&input, &variable(1, &[3, 1, 3, 3]), &bias).is_err());
        assert!(convolve_and_pool(&input, &variable(1, &[4, 2, 3, 3]), &bias).is_err());
        assert!(
            convolve_and_pool(
                &variable(0, &[1, 3, 8, 2]),
                &variable(1, &[3, 2, 3, 3]),
                &bias
            )
            .is_err()
        );
        assert!(linear(&variable(0, &[2, 4]), &variable(1, &[3, 5]), &bias).is_err());
        assert!(batch_norm(&input, &bias, &bias).is_err());
        assert!(scale(&input, vec![1.0]).is_err());
    }
}
