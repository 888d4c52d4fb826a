//! Decides how a separable layer is computed: a few rows of the depthwise half, and while they are in
//! the cache, the pointwise half.

use tabsweep_trainer::kernels::depthwise::{Depthwise, Grid};
use tabsweep_trainer::kernels::pointwise::Pointwise;

/// Positions of the depthwise half that wait for the pointwise one: enough that its weights are read
/// seldom, few enough to stay near. It changes no sum.
const POSITIONS: usize = 144;

/// A depthwise 3×3 convolution and a pointwise one, each with bias and ReLU6.
#[derive(Clone, Debug)]
pub(crate) struct Separable {
    grid: Grid,
    depthwise: Depthwise,
    pointwise: Pointwise,
}

impl Separable {
    pub(crate) fn new(grid: Grid, depthwise: Depthwise, pointwise: Pointwise) -> Self {
        Self {
            grid,
            depthwise,
            pointwise,
        }
    }

    /// From `[height, width, channels_in]` to `[output_height, output_width, channels_out]`; `strip`
    /// is used in between.
    pub(crate) fn apply(&self, image: &[f32], strip: &mut Vec<f32>, output: &mut [f32]) {
        let width = self.grid.output_width();
        let rows = (POSITIONS / width).max(1);
        let stride = width * self.pointwise.channels_out();
        let parts = output.chunks_mut(rows * stride);
        for (part, output) in parts.enumerate() {
            let first = part * rows;
            let rows = first..first + output.len() / stride;
            strip.resize(rows.len() * width * self.depthwise.channels(), 0.0);
            self.depthwise.apply(self.grid, image, rows, strip);
            self.pointwise.apply(strip, output);
        }
    }

    /// Values that go out.
    pub(crate) fn output_len(&self) -> usize {
        self.grid.output_height() * self.grid.output_width() * self.pointwise.channels_out()
    }
}
