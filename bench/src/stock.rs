//! The product's model as people write it with candle alone: a stock LeNet, its loss and optimiser.
//! Decides nothing that candle has an answer for, so that the product's own kernels have something to
//! be compared with. Its numbers follow no contract.

use candle_core::{D, DType, Device, ModuleT, Result, Tensor};
use candle_nn::{
    AdamW, BatchNorm, Conv2d, Conv2dConfig, Dropout, Linear, Module, Optimizer, ParamsAdamW,
    VarBuilder, VarMap,
};
use tabsweep_trainer::images::{PIXEL_DEVIATION, PIXEL_MEAN};
use tabsweep_trainer::{Hyperparameters, ImageSet, TrainingData};

/// Epsilon of all batch-norms.
const EPSILON: f64 = 1e-5;

/// A LeNet: (convolution → pool → batch-norm → ReLU) × 2 → hidden layer → batch-norm → ReLU → dropout
/// → output.
struct LeNet {
    convolutions: [(Conv2d, Option<BatchNorm>); 2],
    hidden: (Linear, Option<BatchNorm>),
    dropout: Option<Dropout>,
    output: Linear,
}

impl LeNet {
    fn new(setting: &Hyperparameters, data: &TrainingData, vars: &VarBuilder) -> Result<Self> {
        let pooled = |size: usize| (size + 1 - setting.kernel_size) / 2;
        let (first, second) = (setting.conv1_channels, setting.conv2_channels);
        let features = second * pooled(pooled(data.height())) * pooled(pooled(data.width()));
        let norm = |name: &str, channels: usize| {
            let norm = setting
                .batch_norm
                .then(|| candle_nn::batch_norm(channels, EPSILON, vars.pp(name)));
            norm.transpose()
        };
        let convolution = |name: &str, before: usize, after: usize| {
            let config = Conv2dConfig::default();
            candle_nn::conv2d(before, after, setting.kernel_size, config, vars.pp(name))
        };
        let units = setting.hidden_units;
        Ok(Self {
            convolutions: [
                (convolution("conv1", 1, first)?, norm("norm1", first)?),
                (convolution("conv2", first, second)?, norm("norm2", second)?),
            ],
            hidden: (
                candle_nn::linear(features, units, vars.pp("hidden"))?,
                norm("norm3", units)?,
            ),
            dropout: (setting.dropout > 0.0).then(|| Dropout::new(setting.dropout as f32)),
            output: candle_nn::linear(units, data.classes(), vars.pp("output"))?,
        })
    }
}

impl ModuleT for LeNet {
    /// Logits `[images, classes]` of `images` `[images, 1, height, width]`.
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut values = images.clone();
        for (convolution, norm) in &self.convolutions {
            values = convolution.forward(&values)?.max_pool2d(2)?;
            values = normed(norm.as_ref(), values, train)?.relu()?;
        }
        let (hidden, norm) = &self.hidden;
        values = hidden.forward(&values.flatten_from(1)?)?;
        values = normed(norm.as_ref(), values, train)?.relu()?;
        if let Some(dropout) = &self.dropout {
            values = dropout.forward(&values, train)?;
        }
        self.output.forward(&values)
    }
}

fn normed(norm: Option<&BatchNorm>, values: Tensor, train: bool) -> Result<Tensor> {
    match norm {
        Some(norm) => norm.forward_t(&values, train),
        None => Ok(values),
    }
}

/// A training and its model, with the images that they see.
pub struct Stock {
    setting: Hyperparameters,
    data: TrainingData,
    model: LeNet,
    optimizer: AdamW,
    order: Order,
    /// The validation image that is classified next.
    next: usize,
}

impl Stock {
    /// A training at its start.
    ///
    /// # Errors
    /// Candle's, where a shape does not fit.
    pub fn new(setting: Hyperparameters, data: TrainingData) -> Result<Self> {
        let vars = VarMap::new();
        let builder = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let model = LeNet::new(&setting, &data, &builder)?;
        let parameters = ParamsAdamW {
            lr: setting.learning_rate,
            weight_decay: setting.weight_decay,
            ..ParamsAdamW::default()
        };
        Ok(Self {
            optimizer: AdamW::new(vars.all_vars(), parameters)?,
            order: Order::new(data.training().len()),
            setting,
            data,
            model,
            next: 0,
        })
    }

    /// One step: shuffled and shifted images, forward, backward, AdamW; the images trained with.
    ///
    /// # Errors
    /// Candle's.
    pub fn step(&mut self) -> Result<usize> {
        let (images, labels) = self.order.batch(self.data.training(), &self.setting)?;
        let logits = self.model.forward_t(&images, true)?;
        let loss = cross_entropy(&logits, &labels, self.setting.label_smoothing)?;
        self.optimizer.backward_step(&loss)?;
        loss.to_scalar::<f32>()?;
        Ok(labels.elem_count())
    }

    /// Classifies one batch of validation images; how many.
    ///
    /// # Errors
    /// Candle's.
    pub fn classify(&mut self) -> Result<usize> {
        let validation = self.data.validation();
        let end = validation.len().min(self.next + self.setting.batch_size);
        let range = self.next..end;
        self.next = end % validation.len();
        let count = range.len();
        let shape = (count, 1, validation.height(), validation.width());
        let pixels = normalised(validation.images(range));
        let images = Tensor::from_vec(pixels, shape, &Device::Cpu)?;
        let logits = self.model.forward_t(&images, false)?;
        logits.argmax(D::Minus1)?.to_vec1::<u32>()?;
        Ok(count)
    }
}

/// Candle's own has no label smoothing.
fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    if smoothing == 0.0 {
        return candle_nn::loss::cross_entropy(logits, labels);
    }
    let log_probabilities = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let exact = candle_nn::loss::nll(&log_probabilities, labels)?;
    let spread = log_probabilities.mean_all()?.neg()?;
    (exact * (1.0 - smoothing))? + (spread * smoothing)?
}

fn normalised(pixels: &[u8]) -> Vec<f32> {
    let scaled = |&pixel: &u8| (f32::from(pixel) / 255.0 - PIXEL_MEAN) / PIXEL_DEVIATION;
    pixels.iter().map(scaled).collect()
}

/// Shuffled images, batch after batch, without end.
struct Order {
    images: Vec<usize>,
    next: usize,
    random: u64,
}

impl Order {
    fn new(count: usize) -> Self {
        let mut order = Self {
            images: (0..count).collect(),
            next: 0,
            random: 1,
        };
        order.shuffle();
        order
    }

    fn shuffle(&mut self) {
        for last in (1..self.images.len()).rev() {
            let other = self.below(last + 1);
            self.images.swap(last, other);
        }
        self.next = 0;
    }

    /// Images `[batch, 1, height, width]`, moved at random, and labels `[batch]`.
    fn batch(&mut self, set: &ImageSet, setting: &Hyperparameters) -> Result<(Tensor, Tensor)> {
        if self.next == self.images.len() {
            self.shuffle();
        }
        let end = self.images.len().min(self.next + setting.batch_size);
        let mut pixels = Vec::new();
        let mut labels = Vec::new();
        for position in self.next..end {
            let image = self.images[position];
            let choices = 2 * setting.shift_px + 1;
            let shift = [self.below(choices), self.below(choices)];
            let shift = shift.map(|choice| choice as isize - setting.shift_px as isize);
            push_shifted(&mut pixels, set, image, shift);
            labels.push(u32::from(set.labels()[image]));
        }
        self.next = end;
        let count = labels.len();
        let shape = (count, 1, set.height(), set.width());
        let images = Tensor::from_vec(normalised(&pixels), shape, &Device::Cpu)?;
        Ok((images, Tensor::from_vec(labels, count, &Device::Cpu)?))
    }

    /// A number below `bound`, by SplitMix64.
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((u128::from(bits) * bound as u128) >> 64) as usize
    }
}

/// Appends an image moved down and right; what comes in is black.
fn push_shifted(pixels: &mut Vec<u8>, set: &ImageSet, image: usize, [down, right]: [isize; 2]) {
    let source = set.images(image..image + 1);
    let (height, width) = (set.height(), set.width());
    let first = pixels.len();
    pixels.resize(first + height * width, 0);
    let moved = &mut pixels[first..];
    let kept = width - right.unsigned_abs();
    let (from, to) = ((-right).max(0) as usize, right.max(0) as usize);
    for row in 0..height {
        if let Some(above) = row
            .checked_add_signed(-down)
            .filter(|&above| above < height)
        {
            moved[row * width + to..][..kept]
                .copy_from_slice(&source[above * width + from..][..kept]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pixels: Vec<u8>, height: usize, width: usize) -> ImageSet {
        let labels = vec![1; pixels.len() / height / width];
        ImageSet::new("training", pixels, labels, (height, width), 2).unwrap()
    }

    #[test]
    fn images_are_moved_and_filled_with_black() {
        let set = set(vec![1, 2, 3, 4, 5, 6], 2, 3);
        let mut moved = Vec::new();
        push_shifted(&mut moved, &set, 0, [1, -1]);
        push_shifted(&mut moved, &set, 0, [0, 1]);
        assert_eq!(moved, [0, 0, 0, 2, 3, 0, 0, 1, 2, 0, 4, 5]);
    }

    #[test]
    fn it_trains_and_classifies() {
        let images = || set(vec![7; 5 * 12 * 12], 12, 12);
        let data = TrainingData::new(images(), images(), 2).unwrap();
        let setting = serde_json::json!({"kernel_size": 3, "batch_size": 3, "shift_px": 2});
        let setting = Hyperparameters::from_json(setting.as_object().unwrap()).unwrap();
        let mut stock = Stock::new(setting, data).unwrap();
        let steps: Vec<usize> = (0..3).map(|_| stock.step().unwrap()).collect();
        assert_eq!(steps, [3, 2, 3]);
        let classified: Vec<usize> = (0..3).map(|_| stock.classify().unwrap()).collect();
        assert_eq!(classified, [3, 2, 3]);
    }
}
