//! Decides how matrices are multiplied. Sums run over the inner dimension in order.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::tile::{self, Panels, ROWS};
use super::vector::Vector;
use super::width::{Width, with_width};

/// The right side of products, packed anew whenever it has changed.
#[derive(Clone, Debug)]
pub struct Right {
    panels: Panels,
}

impl Right {
    /// A right side of `depth` rows and `columns` columns, all zeros.
    #[must_use]
    pub fn new(width: Width, depth: usize, columns: usize) -> Self {
        Self {
            panels: Panels::new(width.fitting(columns), columns, depth),
        }
    }

    /// Makes it one of `depth` rows, of which nothing is kept.
    pub fn resize(&mut self, depth: usize) {
        self.panels.resize(depth);
    }

    /// Takes the values of a row-major `[depth, columns]`.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub fn pack(&mut self, values: &[f32]) {
        self.panels.pack_columns(values);
    }

    /// Takes the values of a row-major `[columns, depth]`.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub fn pack_transposed(&mut self, values: &[f32]) {
        self.panels.pack_rows(values);
    }

    /// `product` = `left` · `self` + `bias`, for `left` `[rows, depth]` and `product` `[rows,
    /// columns]`, both row-major; the bias, one for each column or none at all, is added last.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn multiply(&self, left: &[f32], bias: &[f32], product: &mut [f32]) {
        let rows = left.len() / self.panels.depth();
        assert_eq!(left.len(), rows * self.panels.depth());
        assert_eq!(product.len(), rows * self.panels.outputs());
        assert!(bias.is_empty() || bias.len() == self.panels.outputs());
        multiply(self.panels.width(), &self.panels, left, product);
        for row in product.chunks_exact_mut(self.panels.outputs()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    }
}

with_width! {
    fn multiply(panels: &Panels, left: &[f32], product: &mut [f32]) = multiply_with;
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn multiply_with<V: Vector>(panels: &Panels, left: &[f32], product: &mut [f32]) {
    let (depth, columns) = (panels.depth(), panels.outputs());
    let rows = left.len() / depth;
    assert_eq!(product.len(), rows * columns);
    assert_eq!(panels.width().lanes(), V::LANES);
    for (block, panel) in panels
        .values()
        .chunks_exact(2 * V::LANES * depth)
        .enumerate()
    {
        let first_column = block * 2 * V::LANES;
        for first_row in (0..rows).step_by(ROWS) {
            // Past the last row the last is computed again, and dropped.
            let row =
                |row: usize| left[(first_row + row).min(rows - 1) * depth..][..depth].as_ptr();
            let pointers = [row(0), row(1), row(2), row(3)];
            // SAFETY: each pointer is to `depth` values, the panel has two vectors for each; and the
            // caller vouches for the processor.
            let tile =
                unsafe { tile::accumulate::<V>(tile::zeros(), pointers, panel.as_ptr(), depth) };
            for (row, sums) in tile.into_iter().enumerate().take(rows - first_row) {
                let target = &mut product[(first_row + row) * columns..][first_column..columns];
                // SAFETY: the caller vouches for the processor.
                unsafe { store(sums, target) };
            }
        }
    }
}

/// Stores as many of the sums as fit the start of `target`.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn store<V: Vector, const VECTORS: usize>(
    sums: [V; VECTORS],
    target: &mut [f32],
) {
    // SAFETY: both targets are as long as the vectors: at most two.
    unsafe {
        if target.len() >= VECTORS * V::LANES {
            for (index, sum) in sums.into_iter().enumerate() {
                sum.store(target.as_mut_ptr().add(index * V::LANES));
            }
        } else {
            let mut whole = [0.0_f32; 2 * MOST_LANES];
            for (index, sum) in sums.into_iter().enumerate() {
                sum.store(whole.as_mut_ptr().add(index * V::LANES));
            }
            target.copy_from_slice(&whole[..target.len()]);
        }
    }
}

/// Writes the row-major `values`, `columns` wide, column by column.
///
/// # Panics
/// If the lengths differ.
pub fn transpose(values: &[f32], columns: usize, transposed: &mut [f32]) {
    assert_eq!(values.len(), transposed.len());
    let rows = values.len() / columns;
    for (row, values) in values.chunks_exact(columns).enumerate() {
        for (target, value) in transposed[row..].iter_mut().step_by(rows).zip(values) {
            *target = *value;
        }
    }
}

/// Lanes of the widest vector there is.
pub(super) const MOST_LANES: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::reference::{at_every_width, bits, values};
    use super::*;

    /// In the order that the contract fixes: products from the first to the last, then the bias.
    fn plain_product(left: &[f32], right: &[f32], bias: &[f32], depth: usize) -> Vec<f32> {
        let columns = right.len() / depth;
        let mut product = Vec::new();
        for row in left.chunks_exact(depth) {
            for column in 0..columns {
                let mut sum = 0.0;
                for (at, value) in row.iter().enumerate() {
                    sum += value * right[at * columns + column];
                }
                product.push(bias.get(column).map_or(sum, |bias| sum + bias));
            }
        }
        product
    }

    fn check(rows: usize, depth: usize, columns: usize) {
        let (left, right) = (values(rows * depth, 1), values(depth * columns, 2));
        let mut transposed = vec![0.0; right.len()];
        transpose(&right, columns, &mut transposed);
        for bias in [Vec::new(), values(columns, 3)] {
            let expected = plain_product(&left, &right, &bias, depth);
            let multiplied = |pack: &dyn Fn(&mut Right)| {
                at_every_width(|width| {
                    // Of another depth at first.
                    let mut factor = Right::new(width, depth + 2, columns);
                    factor.resize(depth);
                    pack(&mut factor);
                    let mut product = vec![f32::NAN; rows * columns];
                    factor.multiply(&left, &bias, &mut product);
                    product
                })
            };
            let sizes = format!("{rows} by {depth} by {columns}");
            let found = multiplied(&|factor| factor.pack(&right));
            assert!(bits(&found).eq(bits(&expected)), "{sizes}");
            let found = multiplied(&|factor| factor.pack_transposed(&transposed));
            assert!(bits(&found).eq(bits(&expected)), "{sizes}, transposed");
        }
    }

    #[test]
    fn products_are_the_plain_loops_to_the_bit() {
        for rows in [1, 2, 3, 4, 5, 8, 11] {
            for depth in [1, 2, 3, 4, 5, 7, 8, 33] {
                for columns in [1, 3, 4, 7, 8, 9, 16, 17, 31, 32, 33, 65] {
                    check(rows, depth, columns);
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_reaches_its_row_and_column_only() {
        let (rows, depth, columns) = (5, 6, 19);
        let (mut left, mut right) = (values(rows * depth, 1), values(depth * columns, 2));
        left[3 * depth + 5] = f32::NAN;
        right[2 * columns + 18] = f32::INFINITY;
        for width in Width::available() {
            let mut factor = Right::new(width, depth, columns);
            factor.pack(&right);
            let mut product = vec![0.0; rows * columns];
            factor.multiply(&left, &[], &mut product);
            for (index, value) in product.iter().enumerate() {
                let is_met = index / columns == 3 || index % columns == 18;
                assert_eq!(!value.is_finite(), is_met, "{index}, {width}");
            }
        }
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let mut transposed = [0.0; 6];
        transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, &mut transposed);
        assert_eq!(transposed, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
