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
