//! Decides what training minimises: softmax cross-entropy with label smoothing, averaged over the
//! batch, as one operation on candle's gradient tape.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::kernels::cross_entropy;
use crate::layers::floats;

/// The mean cross-entropy of `logits` `[images, classes]` against `labels`, a scalar.
///
/// # Errors
/// If `logits` has other than two dimensions.
pub fn cross_entropy(logits: &Tensor, labels: Vec<u8>, label_smoothing: f64) -> Result<Tensor> {
    let (_, classes) = logits.dims2()?;
    logits.apply_op1(CrossEntropy {
        labels,
        classes,
        label_smoothing,
    })
}

struct CrossEntropy {
    labels: Vec<u8>,
    classes: usize,
    label_smoothing: f64,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = floats(logits, layout)?;
        let loss =
            cross_entropy::mean_loss(logits, &self.labels, self.classes, self.label_smoothing);
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let factor = gradient.to_scalar::<f32>()?;
        let values = logits.flatten_all()?.to_vec1::<f32>()?;
        let for_logits = cross_entropy::gradient(
            &values,
            &self.labels,
            self.classes,
            self.label_smoothing,
            factor,
        );
        Ok(Some(Tensor::from_vec(
            for_logits,
            logits.shape(),
            logits.device(),
        )?))
    }
}
