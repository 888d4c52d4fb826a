//! Gradients against finite differences, convolutions against candle's own.

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
            tensors[position] = Tensor::from_vec(values, argument.shape(), &Device::Cpu).unwrap();
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
