//! Decides how a matrix's columns are added up: sums over many rows are made of sums over 128 rows in
//! single precision, which are added up in double precision.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::matrix::MOST_LANES;
use super::vector::{Single, Vector};
use super::width::{Width, with_width};

/// Rows whose sum is taken in single precision.
pub(super) const ROWS_OF_PART: usize = 128;

/// The sum of each column of the row-major `values`, as wide as there are `sums`.
pub fn column_sums(width: Width, values: &[f32], sums: &mut [f64]) {
    sums.fill(0.0);
    add_sums(width, values, sums);
}

/// As [`column_sums`], rounded to single precision: the gradient of a bias.
pub fn bias_gradient(width: Width, of_output: &[f32], gradient: &mut [f32]) {
    let mut sums = vec![0.0; gradient.len()];
    column_sums(width, of_output, &mut sums);
    for (gradient, sum) in gradient.iter_mut().zip(sums) {
        *gradient = sum as f32;
    }
}

/// The first of each vector of columns, and whether it is a whole vector of V: the last columns come
/// one by one.
pub(super) fn vectors_of<V: Vector>(columns: usize) -> impl Iterator<Item = (usize, bool)> {
    let whole = columns - columns % V::LANES;
    let vectors = (0..whole).step_by(V::LANES).map(|column| (column, true));
    vectors.chain((whole..columns).map(|column| (column, false)))
}

/// Adds the lanes of single-precision sums to double-precision ones.
///
/// # Safety
/// As [`Vector`]; `sums` must hold as many values as V.
#[inline(always)]
pub(super) unsafe fn add_lanes<V: Vector>(part: V, sums: *mut f64) {
    let mut lanes = [0.0_f32; MOST_LANES];
    // SAFETY: no vector is wider than `lanes`, and the caller vouches for the sums.
    unsafe {
        part.store(lanes.as_mut_ptr());
        for (lane, value) in lanes.iter().enumerate().take(V::LANES) {
            *sums.add(lane) += f64::from(*value);
        }
    }
}

with_width! {
    fn add_sums(values: &[f32], sums: &mut [f64]) = add_sums_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn add_sums_with<V: Vector>(values: &[f32], sums: &mut [f64]) {
    let columns = sums.len();
    for part in values.chunks(ROWS_OF_PART * columns) {
        for (column, is_whole) in vectors_of::<V>(columns) {
            // SAFETY: a vector of columns from `column` lies within each row and within the sums.
            unsafe {
                let sums = sums.as_mut_ptr().add(column);
                if is_whole {
                    add_lanes(column_sum::<V>(part, columns, column), sums);
                } else {
                    add_lanes(column_sum::<Single>(part, columns, column), sums);
                }
            }
        }
    }
}

/// # Safety
/// As [`Vector`]; a vector from `column` must lie within each row.
#[inline(always)]
unsafe fn column_sum<V: Vector>(part: &[f32], columns: usize, column: usize) -> V {
    // SAFETY: as the caller vouches for.
    unsafe {
        let mut sum = V::splat(0.0);
        for row in part.chunks_exact(columns) {
            sum = sum.add(V::load(row.as_ptr().add(column)));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::values;
    use super::*;

    /// In the order that the contract fixes.
    fn plain_sums(values: &[f32], columns: usize) -> Vec<f64> {
        let column_sum = |column| {
            let parts = values.chunks(ROWS_OF_PART * columns);
            let part_sum = |part: &[f32]| {
                let column = part[column..].iter().step_by(columns);
                f64::from(column.fold(0.0_f32, |sum, value| sum + value))
            };
            parts.map(part_sum).fold(0.0, |total, sum| total + sum)
        };
        (0..columns).map(column_sum).collect()
    }

    #[test]
    fn sums_are_the_plain_loops_to_the_bit() {
        for columns in [1, 3, 4, 8, 15, 16, 17, 33, 50] {
            for rows in [1, 2, 127, 128, 129, 300] {
                let values = values(rows * columns, 1);
                for width in Width::available() {
                    let mut sums = vec![f64::NAN; columns];
                    column_sums(width, &values, &mut sums);
                    assert_eq!(
                        sums,
                        plain_sums(&values, columns),
                        "{rows} by {columns}, {width}"
                    );
                    let mut gradient = vec![f32::NAN; columns];
                    bias_gradient(width, &values, &mut gradient);
                    let rounded: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
                    assert_eq!(gradient, rounded);
                }
            }
        }
    }
}
