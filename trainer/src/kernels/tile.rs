//! Decides how the innermost loop of matrix products and convolutions runs: a tile of four rows by
//! two vectors of columns stays in registers while one product after the other is added.
//!
//! Eight accumulators, a vector of weights and four of values fit the sixteen registers that there
//! are. Sixteen accumulators spill, and four don't keep the adders busy.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

use super::vector::Vector;
use super::width::Width;

/// Rows of a tile.
pub(super) const ROWS: usize = 4;

/// Sums of four rows and two vectors of columns.
pub(super) type Tile<V> = [[V; 2]; ROWS];

/// A tile of zeros.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn zeros<V: Vector>() -> Tile<V> {
    // SAFETY: the caller vouches for the processor.
    unsafe { [[V::splat(0.0); 2]; ROWS] }
}

/// Adds `rows[r][d]` · `panel[d][c]` to the sum of row r and column c, for d in 0..`depth` in order.
///
/// Four steps make a turn of the loop, and after each the end is looked for. LLVM's WebAssembly
/// backend would otherwise make one expression of a row's four sums, for which it first loads all
/// that the four steps need: twice the registers there are, and half the speed.
///
/// # Safety
/// As [`Vector`]; `depth`, at least 1, values must be readable at each of `rows`, and `depth` times
/// two vectors at `panel`.
#[inline(always)]
pub(super) unsafe fn accumulate<V: Vector>(
    mut tile: Tile<V>,
    mut rows: [*const f32; ROWS],
    mut panel: *const f32,
    depth: usize,
) -> Tile<V> {
    let mut left = depth;
    // SAFETY: step d is taken only if d < depth, and the caller vouches for that many values.
    unsafe {
        macro_rules! steps {
            ($($step:literal)*) => {$(
                let weights = [
                    V::load(panel.add(2 * $step * V::LANES)),
                    V::load(panel.add((2 * $step + 1) * V::LANES)),
                ];
                for row in 0..ROWS {
                    let value = V::load_splat(rows[row].add($step));
                    tile[row][0] = tile[row][0].add(value.mul(weights[0]));
                    tile[row][1] = tile[row][1].add(value.mul(weights[1]));
                }
                if left == $step + 1 {
                    return tile;
                }
            )*};
        }
        loop {
            steps!(0 1 2 3);
            left -= 4;
            rows = rows.map(|row| row.add(4));
            panel = panel.add(8 * V::LANES);
        }
    }
}

/// As [`accumulate`] from zeros for `left[d][r]` · `right[d][c]`, rows of either so many values apart.
///
/// # Safety
/// As [`Vector`]; `depth` rows, at least 1, must be readable: of ROWS values on the left, and of two
/// vectors on the right.
#[inline(always)]
pub(super) unsafe fn accumulate_outer<V: Vector>(
    (mut left, left_stride): (*const f32, usize),
    (mut right, right_stride): (*const f32, usize),
    depth: usize,
) -> Tile<V> {
    // SAFETY: as the caller vouches for.
    unsafe {
        let mut tile: Tile<V> = zeros();
        for _ in 0..depth {
            let weights = [V::load(right), V::load(right.add(V::LANES))];
            for (row, sums) in tile.iter_mut().enumerate() {
                let value = V::load_splat(left.add(row));
                sums[0] = sums[0].add(value.mul(weights[0]));
                sums[1] = sums[1].add(value.mul(weights[1]));
            }
            left = left.add(left_stride);
            right = right.add(right_stride);
        }
        tile
    }
}

/// Weights in the order in which [`accumulate`] reads them: `[block][depth][two vectors]`, the last
/// block filled up with zeros.
#[derive(Clone, Debug)]
pub(super) struct Panels {
    values: Vec<f32>,
    width: Width,
    outputs: usize,
    depth: usize,
}

impl Panels {
    /// Panels for `outputs` outputs, each a sum of `depth` products; zeros until they are packed.
    pub(super) fn new(width: Width, outputs: usize, depth: usize) -> Self {
        let columns = outputs.next_multiple_of(2 * width.lanes());
        Self {
            values: vec![0.0; columns * depth],
            width,
            outputs,
            depth,
        }
    }

    /// Makes them panels for sums of `depth` products, which have to be packed anew.
    pub(super) fn resize(&mut self, depth: usize) {
        self.values.resize(self.columns() * depth, 0.0);
        self.depth = depth;
    }

    /// The width of vectors that they are packed for.
    pub(super) fn width(&self) -> Width {
        self.width
    }

    /// Outputs, filled up to whole blocks.
    pub(super) fn columns(&self) -> usize {
        self.values.len() / self.depth
    }

    /// How many outputs they are for.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Products in a sum.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// All of them.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes the weights from `[outputs, depth]`.
    pub(super) fn pack_rows(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.outputs * self.depth);
        let columns = 2 * self.width.lanes();
        let blocks = self.values.chunks_exact_mut(columns * self.depth);
        for (block, rows) in blocks.zip(weights.chunks(columns * self.depth)) {
            for (lane, row) in rows.chunks_exact(self.depth).enumerate() {
                for (target, &weight) in block[lane..].iter_mut().step_by(columns).zip(row) {
                    *target = weight;
                }
            }
        }
    }

    /// Takes the weights from `[depth, outputs]`.
    pub(super) fn pack_columns(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.outputs * self.depth);
        let columns = 2 * self.width.lanes();
        for (block, panel) in self
            .values
            .chunks_exact_mut(columns * self.depth)
            .enumerate()
        {
            let first = block * columns;
            let count = columns.min(self.outputs - first);
            let rows = weights.chunks_exact(self.outputs);
            for (lanes, row) in panel.chunks_exact_mut(columns).zip(rows) {
                lanes[..count].copy_from_slice(&row[first..first + count]);
            }
        }
    }
}
