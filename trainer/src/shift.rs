//! Decides how an image is moved by whole pixels. It does not know why.

use crate::philox::{Philox, Stream};

/// How far an image is moved, in pixels down and to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) down: isize,
    pub(crate) right: isize,
}

impl Shift {
    /// Each axis uniform in -`largest`..=`largest`, one draw per epoch and image, whatever the order.
    pub(crate) fn draw(philox: &Philox, epoch: usize, image: u32, largest: usize) -> Self {
        let [down, right, ..] = philox.block(Stream::Shift, epoch as u64, image);
        let choices = 2 * largest as u64 + 1;
        let within = |word: u32| ((u64::from(word) * choices) >> 32) as isize - largest as isize;
        Self {
            down: within(down),
            right: within(right),
        }
    }

    /// Writes the image, moved; what comes in from outside is black.
    pub(crate) fn show(
        self,
        pixels: &[u8],
        (height, width): (usize, usize),
        table: &[f32; 256],
        values: &mut [f32],
    ) {
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
    use crate::images::{normalisation_table, normalise};

    fn normalised(pixels: &[u8]) -> Vec<f32> {
        let mut values = vec![0.0; pixels.len()];
        normalise(pixels, &mut values);
        values
    }

    #[test]
    fn a_shift_moves_pixels_and_fills_with_black() {
        let pixels = [0, 1, 2, 3, 4, 5];
        let mut moved = [9.0; 6];
        let shift = Shift { down: 1, right: -1 };
        shift.show(&pixels, (2, 3), &normalisation_table(), &mut moved);
        assert_eq!(moved.to_vec(), normalised(&[0, 0, 0, 1, 2, 0]));
        let shift = Shift { down: 0, right: 2 };
        shift.show(&pixels, (2, 3), &normalisation_table(), &mut moved);
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
