//! Decides how matrices are multiplied: packed panels and a register tile of 4 rows by 8 columns.

use super::LANES;

/// Rows of a register tile: 4 rows by 8 columns are eight 128-bit accumulators.
const TILE_ROWS: usize = 4;

/// A matrix in memory that belongs to somebody else, possibly transposed.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The row-major matrix `[rows, columns]` in `values`.
    ///
    /// # Panics
    /// If `values` has another length.
    #[must_use]
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns);
        Self {
            values,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// The same values with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Panels of `WIDTH` rows, each laid out column by column, the last padded with zeros.
    fn row_panels<const WIDTH: usize>(&self) -> Vec<[f32; WIDTH]> {
        let mut panels = Vec::with_capacity(self.rows.div_ceil(WIDTH) * self.columns);
        for first in (0..self.rows).step_by(WIDTH) {
            let width = WIDTH.min(self.rows - first);
            for column in 0..self.columns {
                let mut lane = [0.0; WIDTH];
                for (row, value) in lane.iter_mut().take(width).enumerate() {
                    *value =
                        self.values[(first + row) * self.row_stride + column * self.column_stride];
                }
                panels.push(lane);
            }
        }
        panels
    }
}

/// `left` times `right`, row-major; each element is summed over the inner dimension in order.
///
/// # Panics
/// If the inner dimensions differ.
#[must_use]
pub fn multiply(left: Matrix, right: Matrix) -> Vec<f32> {
    assert_eq!(left.columns, right.rows);
    let (rows, columns, depth) = (left.rows, right.columns, left.columns);
    let left_panels = left.row_panels::<TILE_ROWS>();
    let right_panels = right.transposed().row_panels::<LANES>();
    let mut product = vec![0.0; rows * columns];
    for (panel, right_panel) in right_panels.chunks_exact(depth).enumerate() {
        let first_column = panel * LANES;
        let width = LANES.min(columns - first_column);
        for (band, left_panel) in left_panels.chunks_exact(depth).enumerate() {
            let first_row = band * TILE_ROWS;
            let tile = tile(left_panel, right_panel);
            for (row, sums) in tile.iter().enumerate().take(rows - first_row) {
                let start = (first_row + row) * columns + first_column;
                product[start..start + width].copy_from_slice(&sums[..width]);
            }
        }
    }
    product
}

#[inline]
fn tile(left: &[[f32; TILE_ROWS]], right: &[[f32; LANES]]) -> [[f32; LANES]; TILE_ROWS] {
    let mut sums = [[0.0; LANES]; TILE_ROWS];
    for (a, b) in left.iter().zip(right) {
        for (sum, &factor) in sums.iter_mut().zip(a) {
            for (lane, &value) in sum.iter_mut().zip(b) {
                *lane += factor * value;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(count: usize, step: f32) -> Vec<f32> {
        (0..count)
            .map(|index| (index % 13) as f32 * step - 1.0)
            .collect()
    }

    /// Sums in the documented order, one element at a time.
    fn plain(left: &[f32], right: &[f32], rows: usize, depth: usize, columns: usize) -> Vec<f32> {
        let element = |row: usize, column: usize| {
            (0..depth).fold(0.0, |sum, inner| {
                sum + left[row * depth + inner] * right[inner * columns + column]
            })
        };
        (0..rows * columns)
            .map(|index| element(index / columns, index % columns))
            .collect()
    }

    #[test]
    fn equals_the_plain_loop_to_the_bit_for_whole_and_ragged_tiles() {
        for (rows, depth, columns) in [(1, 1, 1), (4, 5, 8), (7, 3, 10), (13, 17, 23)] {
            let left = ramp(rows * depth, 0.37);
            let right = ramp(depth * columns, 0.21);
            let product = multiply(
                Matrix::new(&left, rows, depth),
                Matrix::new(&right, depth, columns),
            );
            assert_eq!(product, plain(&left, &right, rows, depth, columns));
        }
    }

    #[test]
    fn a_transposed_matrix_is_read_across() {
        let left = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let right = [1.0, 10.0];
        let product = multiply(
            Matrix::new(&left, 2, 3).transposed(),
            Matrix::new(&right, 2, 1),
        );
        assert_eq!(product, [41.0, 52.0, 63.0]);
    }
}
