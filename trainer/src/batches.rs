//! Decides in which order an epoch shows the training images, and how it shifts each. It does not
//! know what learns from them.

use crate::hyperparameters::Hyperparameters;
use crate::images::{ImageSet, normalisation_table};
use crate::philox::{Philox, Stream};
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
                shift.show(set, image as usize, &table, values);
            }
        }
    }
}

/// How far an image is moved, in pixels down and to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shift {
    down: isize,
    right: isize,
}

impl Shift {
    /// Each axis uniform in -`largest`..=`largest`, one draw per epoch and image, whatever the order.
    fn draw(philox: &Philox, epoch: usize, image: u32, largest: usize) -> Self {
        let [down, right, ..] = philox.block(Stream::Shift, epoch as u64, image);
        let choices = 2 * largest as u64 + 1;
        let within = |word: u32| ((u64::from(word) * choices) >> 32) as isize - largest as isize;
        Self {
            down: within(down),
            right: within(right),
        }
    }

    /// Writes the image, moved; what comes in from outside is black.
    fn show(self, set: &ImageSet, image: usize, table: &[f32; 256], values: &mut [f32]) {
        let (height, width) = (set.height(), set.width());
        let pixels = set.image(image);
        values.fill(table[0]);
        let from_left = self.right.unsigned_abs().min(width);
        let count = width - from_left;
        let (to, from) = if self.right > 0 {
            (from_left, 0)
        } else {
            (0, from_left)
        };
        for (y, row) in values.chunks_exact_mut(width).enumerate() {
            if let Some(source) = source(y, self.down, height) {
                let source = &pixels[source * width + from..][..count];
                for (value, &pixel) in row[to..to + count].iter_mut().zip(source) {
                    *value = table[usize::from(pixel)];
                }
            }
        }
    }
}

/// Which of `count` places moves to `place` by `shift`, if any.
fn source(place: usize, shift: isize, count: usize) -> Option<usize> {
    place
        .checked_add_signed(-shift)
        .filter(|&from| from < count)
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

    #[test]
    fn a_shift_moves_pixels_and_fills_with_black() {
        let set = set(1, 2, 3);
        let mut moved = [9.0; 6];
        let shift = Shift { down: 1, right: -1 };
        shift.show(&set, 0, &normalisation_table(), &mut moved);
        assert_eq!(moved.to_vec(), normalised(&[0, 0, 0, 1, 2, 0]));
        let shift = Shift { down: 0, right: 2 };
        shift.show(&set, 0, &normalisation_table(), &mut moved);
        assert_eq!(moved.to_vec(), normalised(&[0, 0, 0, 0, 0, 3]));
    }

    #[test]
    fn shifts_take_every_value_in_range_and_no_other() {
        let philox = Philox::new(2);
        let mut seen = std::collections::BTreeSet::new();
        for image in 0..2_000 {
            let shift = Shift::draw(&philox, 3, image, 2);
            seen.insert((shift.down, shift.right));
        }
        assert_eq!(seen.len(), 25);
        assert!(
            seen.iter()
                .all(|&(down, right)| down.abs() <= 2 && right.abs() <= 2)
        );
        assert_eq!(Shift::draw(&philox, 3, 0, 0), Shift { down: 0, right: 0 });
    }
}
