//! Decides in which order an epoch shows the training images, and how it shifts each. It does not
//! know what learns from them.

use crate::hyperparameters::Hyperparameters;
use crate::images::{ImageSet, normalisation_table};
use crate::philox::{Philox, Stream};
use crate::shift::Shift;
use crate::warp::Warp;

/// The order in which an epoch shows the training images, and how it shifts each.
#[derive(Clone, Debug)]
pub struct EpochOrder {
    epoch: usize,
    images: Vec<u32>,
}

impl EpochOrder {
    /// The order of `count` images in `epoch`: Fisher and Yates' shuffle.
    #[must_use]
    pub fn new(philox: &Philox, epoch: usize, count: usize) -> Self {
        let mut draws = philox.draws(Stream::Shuffle, epoch as u64);
        let count = u32::try_from(count).expect("an image set is counted in 32 bits");
        let mut images: Vec<u32> = (0..count).collect();
        for bound in (2..=count).rev() {
            images.swap(bound as usize - 1, draws.below(bound) as usize);
        }
        Self { epoch, images }
    }

    /// The epoch this is the order of, from 0.
    #[must_use]
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// The batch of up to `size` images from position `start` of the order.
    #[must_use]
    pub fn batch(&self, start: usize, size: usize) -> Batch<'_> {
        Batch {
            epoch: self.epoch,
            images: &self.images[start..self.images.len().min(start + size)],
        }
    }
}

/// Which images are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    epoch: usize,
    images: &'a [u32],
}

impl Batch<'_> {
    /// The class of each image.
    #[must_use]
    pub fn labels(&self, set: &ImageSet) -> Vec<u8> {
        let label = |&image: &u32| set.labels()[image as usize];
        self.images.iter().map(label).collect()
    }

    /// Writes the images' normalised pixels, `[images, height, width]`, each shifted or warped anew
    /// as `setting` says.
    ///
    /// # Panics
    /// If there is another number of values.
    pub fn show(
        &self,
        philox: &Philox,
        set: &ImageSet,
        setting: &Hyperparameters,
        values: &mut [f32],
    ) {
        let pixels = set.height() * set.width();
        assert_eq!(values.len(), self.images.len() * pixels);
        let table = normalisation_table();
        let warp = Warp::new(setting, set.height(), set.width());
        for (&image, values) in self.images.iter().zip(values.chunks_exact_mut(pixels)) {
            if let Some(warp) = &warp {
                warp.show(philox, self.epoch, image, set.image(image as usize), values);
            } else {
                let shift = Shift::draw(philox, self.epoch, image, setting.shift_px);
                let pixels = set.image(image as usize);
                shift.show(pixels, (set.height(), set.width()), &table, values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(pixels: &[u8]) -> Vec<f32> {
        let mut values = vec![0.0; pixels.len()];
        crate::images::normalise(pixels, &mut values);
        values
    }

    fn set(count: usize, height: usize, width: usize) -> ImageSet {
        let pixels = (0..count * height * width)
            .map(|index| (index % 251) as u8)
            .collect();
        ImageSet::new("training", pixels, vec![0; count], (height, width), 2).unwrap()
    }

    #[test]
    fn an_epoch_shows_each_image_once_in_its_own_order() {
        let philox = Philox::new(5);
        let first = EpochOrder::new(&philox, 0, 100);
        let second = EpochOrder::new(&philox, 1, 100);
        assert_ne!(first.images, second.images);
        let mut sorted = first.images.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
        assert_ne!(first.images, sorted);
    }

    #[test]
    fn shuffles_reach_every_order_of_three() {
        let orders: std::collections::BTreeSet<Vec<u32>> = (0..100)
            .map(|epoch| EpochOrder::new(&Philox::new(1), epoch, 3).images)
            .collect();
        assert_eq!(orders.len(), 6);
    }

    #[test]
    fn batches_cover_the_order_and_the_last_takes_what_is_left() {
        let philox = Philox::new(1);
        let set = set(5, 2, 3);
        let order = EpochOrder::new(&philox, 0, 5);
        let sizes: Vec<usize> = [0, 2, 4]
            .map(|start| order.batch(start, 2).labels(&set).len())
            .to_vec();
        assert_eq!(sizes, [2, 2, 1]);
        let mut last = [0.0; 6];
        let still = Hyperparameters {
            shift_px: 0,
            ..Hyperparameters::default()
        };
        order.batch(4, 2).show(&philox, &set, &still, &mut last);
        assert_eq!(
            last.to_vec(),
            normalised(set.image(order.images[4] as usize))
        );
    }
}
