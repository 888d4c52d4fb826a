//! Decides the one-dimensional transforms of Winograd's convolution, for 4 outputs of kernels of 3
//! (6 points) and 5 (8 points): A, B and G, and their transposes for the gradients.
//!
//! The points are 0, ±1, ±2, with 8 of them ±½ too, and ∞, in this order.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::vector::Vector;

/// Outputs of a transform's tile, along each axis.
pub(super) const OUTPUTS: usize = 4;
/// Points of the largest tile.
pub(super) const MOST_POINTS: usize = 8;
/// Taps of the largest kernel.
pub(super) const MOST_TAPS: usize = 5;

/// G for kernels of 3.
const KERNEL_3: [[f32; 3]; 6] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// G for kernels of 5.
const KERNEL_5: [[f32; 5]; 8] = [
    [1.0, 0.0, 0.0, 0.0, 0.0],
    [-2.0 / 9.0, -2.0 / 9.0, -2.0 / 9.0, -2.0 / 9.0, -2.0 / 9.0],
    [-2.0 / 9.0, 2.0 / 9.0, -2.0 / 9.0, 2.0 / 9.0, -2.0 / 9.0],
    [1.0 / 90.0, 1.0 / 45.0, 2.0 / 45.0, 4.0 / 45.0, 8.0 / 45.0],
    [1.0 / 90.0, -1.0 / 45.0, 2.0 / 45.0, -4.0 / 45.0, 8.0 / 45.0],
    [32.0 / 45.0, 16.0 / 45.0, 8.0 / 45.0, 4.0 / 45.0, 2.0 / 45.0],
    [
        32.0 / 45.0,
        -16.0 / 45.0,
        8.0 / 45.0,
        -4.0 / 45.0,
        2.0 / 45.0,
    ],
    [0.0, 0.0, 0.0, 0.0, 1.0],
];

/// The entry of G in a row and a column.
fn kernel_entry(points: usize, row: usize, column: usize) -> f32 {
    if points == 6 {
        KERNEL_3[row][column]
    } else {
        KERNEL_5[row][column]
    }
}

/// G · taps.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn kernel<V: Vector>(points: usize, taps: [V; MOST_TAPS]) -> [V; MOST_POINTS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut values = [V::splat(0.0); MOST_POINTS];
        for (row, value) in values.iter_mut().enumerate().take(points) {
            for (column, tap) in taps.into_iter().enumerate().take(points + 1 - OUTPUTS) {
                *value = value.add(tap.mul(V::splat(kernel_entry(points, row, column))));
            }
        }
        values
    }
}

/// Gᵀ · values.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn kernel_back<V: Vector>(
    points: usize,
    values: [V; MOST_POINTS],
) -> [V; MOST_TAPS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut taps = [V::splat(0.0); MOST_TAPS];
        for (column, tap) in taps.iter_mut().enumerate().take(points + 1 - OUTPUTS) {
            for (row, value) in values.into_iter().enumerate().take(points) {
                *tap = tap.add(value.mul(V::splat(kernel_entry(points, row, column))));
            }
        }
        taps
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn times<V: Vector>(factor: f32, value: V) -> V {
    // SAFETY: the caller vouches for the processor.
    unsafe { V::splat(factor).mul(value) }
}

/// Bᵀ · values.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn input<V: Vector>(
    points: usize,
    [a, b, c, d, e, f, g, h]: [V; MOST_POINTS],
) -> [V; MOST_POINTS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let zero = V::splat(0.0);
        if points == 6 {
            let (even, odd) = (e.sub(times(4.0, c)), d.sub(times(4.0, b)));
            let (even_of_two, odd_of_two) = (e.sub(c), times(2.0, d.sub(b)));
            return [
                times(4.0, a).sub(times(5.0, c)).add(e),
                even.add(odd),
                even.sub(odd),
                even_of_two.add(odd_of_two),
                even_of_two.sub(odd_of_two),
                times(4.0, b).sub(times(5.0, d)).add(f),
                zero,
                zero,
            ];
        }
        let even = c.add(g).sub(times(4.25, e));
        let odd = b.add(f).sub(times(4.25, d));
        let even_of_two = times(0.25, c).sub(times(1.25, e)).add(g);
        let odd_of_two = times(0.5, b).sub(times(2.5, d)).add(times(2.0, f));
        let even_of_half = times(4.0, c).sub(times(5.0, e)).add(g);
        let odd_of_half = times(2.0, b).sub(times(2.5, d)).add(times(0.5, f));
        [
            a.sub(g).add(times(5.25, e.sub(c))),
            even.add(odd),
            even.sub(odd),
            even_of_two.add(odd_of_two),
            even_of_two.sub(odd_of_two),
            even_of_half.add(odd_of_half),
            even_of_half.sub(odd_of_half),
            h.sub(b).add(times(5.25, d.sub(f))),
        ]
    }
}

/// B · values.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn input_back<V: Vector>(
    points: usize,
    [a, b, c, d, e, f, g, h]: [V; MOST_POINTS],
) -> [V; MOST_POINTS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let zero = V::splat(0.0);
        let (sum, difference) = (b.add(c), b.sub(c));
        let (sum_of_two, difference_of_two) = (d.add(e), d.sub(e));
        if points == 6 {
            return [
                times(4.0, a),
                times(4.0, f)
                    .sub(times(4.0, difference))
                    .sub(times(2.0, difference_of_two)),
                zero.sub(times(5.0, a)).sub(times(4.0, sum)).sub(sum_of_two),
                difference
                    .add(times(2.0, difference_of_two))
                    .sub(times(5.0, f)),
                a.add(sum).add(sum_of_two),
                f,
                zero,
                zero,
            ];
        }
        let (sum_of_half, difference_of_half) = (f.add(g), f.sub(g));
        [
            a,
            difference
                .add(times(0.5, difference_of_two))
                .add(times(2.0, difference_of_half))
                .sub(h),
            sum.add(times(0.25, sum_of_two))
                .add(times(4.0, sum_of_half))
                .sub(times(5.25, a)),
            times(5.25, h)
                .sub(times(4.25, difference))
                .sub(times(2.5, difference_of_two.add(difference_of_half))),
            times(5.25, a)
                .sub(times(4.25, sum))
                .sub(times(1.25, sum_of_two))
                .sub(times(5.0, sum_of_half)),
            difference
                .add(times(2.0, difference_of_two))
                .add(times(0.5, difference_of_half))
                .sub(times(5.25, h)),
            sum.add(sum_of_two).add(sum_of_half).sub(a),
            h,
        ]
    }
}

/// Aᵀ · values.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn output<V: Vector>(
    points: usize,
    [a, b, c, d, e, f, g, h]: [V; MOST_POINTS],
) -> [V; OUTPUTS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let (sum, difference) = (b.add(c), b.sub(c));
        let (sum_of_two, difference_of_two) = (d.add(e), d.sub(e));
        if points == 6 {
            return [
                a.add(sum).add(sum_of_two),
                difference.add(times(2.0, difference_of_two)),
                sum.add(times(4.0, sum_of_two)),
                difference.add(times(8.0, difference_of_two)).add(f),
            ];
        }
        let (sum_of_half, difference_of_half) = (f.add(g), f.sub(g));
        [
            a.add(sum).add(sum_of_two).add(sum_of_half),
            difference
                .add(times(2.0, difference_of_two))
                .add(times(0.5, difference_of_half)),
            sum.add(times(4.0, sum_of_two))
                .add(times(0.25, sum_of_half)),
            difference
                .add(times(8.0, difference_of_two))
                .add(times(0.125, difference_of_half))
                .add(h),
        ]
    }
}

/// A · outputs.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn output_back<V: Vector>(
    points: usize,
    [a, b, c, d]: [V; OUTPUTS],
) -> [V; MOST_POINTS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let zero = V::splat(0.0);
        let (even, odd) = (a.add(c), b.add(d));
        let (even_of_two, odd_of_two) = (a.add(times(4.0, c)), times(2.0, b).add(times(8.0, d)));
        let (one, minus_one) = (even.add(odd), even.sub(odd));
        let (two, minus_two) = (even_of_two.add(odd_of_two), even_of_two.sub(odd_of_two));
        if points == 6 {
            return [a, one, minus_one, two, minus_two, d, zero, zero];
        }
        let (even_of_half, odd_of_half) =
            (a.add(times(0.25, c)), times(0.5, b).add(times(0.125, d)));
        let (half, minus_half) = (even_of_half.add(odd_of_half), even_of_half.sub(odd_of_half));
        [a, one, minus_one, two, minus_two, half, minus_half, d]
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::values;
    use super::super::vector::Single;
    use super::*;

    fn singles<const COUNT: usize>(count: usize, seed: u64) -> [Single; COUNT] {
        let mut drawn = values(count, seed);
        drawn.resize(COUNT, 0.0);
        // SAFETY: a single float needs no instructions of its own.
        std::array::from_fn(|at| unsafe { Single::splat(drawn[at]) })
    }

    /// Σ left · right.
    fn product<const COUNT: usize>(left: [Single; COUNT], right: [Single; COUNT]) -> f64 {
        let number = |single: Single| {
            let mut number = 0.0;
            // SAFETY: a single float needs no instructions of its own and fits the number.
            unsafe { single.store(&mut number) };
            f64::from(number)
        };
        let pairs = left.into_iter().zip(right);
        pairs
            .map(|(left, right)| number(left) * number(right))
            .sum()
    }

    fn assert_same(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-5, "{left} is not {right}");
    }

    #[test]
    fn each_way_back_is_the_transpose_of_its_way_there() {
        for points in [6, MOST_POINTS] {
            let taps = singles(points + 1 - OUTPUTS, 1);
            let (some, others) = (singles(points, 2), singles(points, 3));
            let outputs = singles(OUTPUTS, 4);
            // SAFETY: single floats need no instructions of their own.
            unsafe {
                assert_same(
                    product(kernel(points, taps), some),
                    product(taps, kernel_back(points, some)),
                );
                assert_same(
                    product(input(points, some), others),
                    product(some, input_back(points, others)),
                );
                assert_same(
                    product(output(points, some), outputs),
                    product(some, output_back(points, outputs)),
                );
            }
        }
    }

    #[test]
    fn products_of_transforms_are_convolutions() {
        for points in [6, MOST_POINTS] {
            let count = points + 1 - OUTPUTS;
            let (taps, inputs): ([Single; MOST_TAPS], [Single; MOST_POINTS]) =
                (singles(count, 1), singles(points, 2));
            // SAFETY: single floats need no instructions of their own.
            let outputs = unsafe {
                let (left, right) = (kernel(points, taps), input(points, inputs));
                output(points, std::array::from_fn(|at| left[at].mul(right[at])))
            };
            for (first, found) in outputs.into_iter().enumerate() {
                let mut seen = [inputs[0]; MOST_TAPS];
                seen[..count].copy_from_slice(&inputs[first..first + count]);
                // SAFETY: as above.
                let one = unsafe { Single::splat(1.0) };
                assert_same(product([found], [one]), product(taps, seen));
            }
        }
    }
}
