//! A picture read: each step on the way to its digits, for people to see, and the digits for models.

pub use crate::component::Area;
use crate::{
    component::components,
    digit, form,
    ink::{self, Level},
    paper,
    plane::Plane,
};

/// Why a picture can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// Nothing stands out from the paper.
    #[error("there is nothing in the picture")]
    Empty,
    /// Width and height don't belong to the bytes.
    #[error("expected {width} x {height} pixels of 4 bytes, found {bytes} bytes")]
    Size {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes given.
        bytes: usize,
    },
}

/// A digit found in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Digit {
    /// Where it is.
    pub area: Area,
    /// Its ink in the middle of 20×20, white on black.
    pub fitted: Vec<u8>,
    /// The same centred by mass in 28×28: what a model sees.
    pub pixels: Vec<u8>,
}

/// What was found in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The picture without shading, dark on white, `[height, width]`.
    pub evened: Vec<u8>,
    /// The ink of all digits, white on black, `[height, width]`.
    pub ink: Vec<u8>,
    /// In reading order; at least one.
    pub digits: Vec<Digit>,
}

impl Reading {
    /// Reads a picture of `[height, width, 4]` bytes (red, green, blue, opacity), dark on light or
    /// light on dark.
    ///
    /// # Errors
    /// There is nothing in it, or its size is not that of its bytes.
    pub fn of(rgba: &[u8], width: usize, height: usize) -> Result<Self, ReadingError> {
        check_size(rgba.len(), width, height)?;
        let darkness = paper::darkness(&Plane::lightness(rgba, width, height));
        let level = ink::level(&darkness).ok_or(ReadingError::Empty)?;
        Self::of_ink(&darkness, &level).ok_or(ReadingError::Empty)
    }

    fn of_ink(darkness: &Plane, level: &Level) -> Option<Self> {
        let groups = digit::digits(components(darkness, level), darkness);
        let mut ink = vec![0; darkness.values().len()];
        let mut digits = Vec::with_capacity(groups.len());
        for group in &groups {
            let cut_out = form::cut_out(darkness, level, group);
            lay(&mut ink, darkness.width(), &cut_out, group.area);
            let fitted = form::fitted(&cut_out);
            digits.push(Digit {
                area: group.area,
                fitted: form::framed(&fitted).bytes(),
                pixels: form::centred(&fitted).bytes(),
            });
        }
        let evened = darkness.map(|value| 1.0 - value).bytes();
        (!digits.is_empty()).then_some(Self {
            evened,
            ink,
            digits,
        })
    }
}

fn check_size(bytes: usize, width: usize, height: usize) -> Result<(), ReadingError> {
    let expected = width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(4));
    match expected {
        Some(0) => Err(ReadingError::Empty),
        Some(expected) if expected == bytes => Ok(()),
        _ => Err(ReadingError::Size {
            width,
            height,
            bytes,
        }),
    }
}

/// Puts a digit's ink where it was in the picture.
fn lay(ink: &mut [u8], width: usize, cut_out: &Plane, area: Area) {
    let bytes = cut_out.bytes();
    for (row, line) in bytes.chunks(area.width()).enumerate() {
        let start = (area.top + row) * width + area.left;
        for (old, new) in ink[start..start + area.width()].iter_mut().zip(line) {
            *old = (*old).max(*new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Photo, mean_difference, original};

    /// The class of the original that a digit is most like.
    fn most_like(digit: &Digit) -> usize {
        let difference = |class: &usize| mean_difference(&digit.pixels, &original(*class));
        (0..10)
            .min_by(|a, b| difference(a).total_cmp(&difference(b)))
            .unwrap()
    }

    fn read(photo: &Photo) -> Vec<Digit> {
        Reading::of(&photo.rgba(), photo.width(), photo.height())
            .unwrap()
            .digits
    }

    #[test]
    fn a_photographed_digit_is_the_digit_that_was_written() {
        for light in [Photo::even(), Photo::slanted(), Photo::shadowed()] {
            for class in 0..10 {
                let digits = read(&light.clone().with_digit(class, 50, 70, 110));
                assert_eq!(digits.len(), 1, "{class}");
                assert_eq!(most_like(&digits[0]), class);
            }
        }
    }

    #[test]
    fn light_on_dark_gives_the_same() {
        let photo = Photo::even().with_digit(4, 60, 60, 100);
        let [written, chalked] = [read(&photo), read(&photo.inverted())];
        let difference = mean_difference(&written[0].pixels, &chalked[0].pixels);
        assert!(difference < 8.0, "{difference}");
    }

    #[test]
    fn an_image_of_the_training_set_stays_as_it_is() {
        for class in 0..10 {
            let rgba: Vec<u8> = original(class)
                .iter()
                .flat_map(|ink| [*ink, *ink, *ink, 255])
                .collect();
            let digits = Reading::of(&rgba, 28, 28).unwrap().digits;
            assert_eq!(digits.len(), 1);
            assert_eq!(most_like(&digits[0]), class);
        }
    }

    #[test]
    fn several_digits_are_read_line_by_line() {
        for light in [Photo::even(), Photo::slanted()] {
            let photo = light
                .with_digit(7, 190, 10, 70)
                .with_digit(2, 20, 22, 70)
                .with_digit(5, 105, 14, 80)
                .with_digit(1, 30, 130, 70)
                .with_digit(8, 130, 120, 75);
            let found = read(&photo);
            let classes: Vec<usize> = found.iter().map(most_like).collect();
            assert_eq!(classes, [2, 5, 7, 1, 8]);
        }
    }

    #[test]
    fn table_rules_and_specks_are_no_digits() {
        let photo = Photo::slanted()
            .with_digit(6, 80, 50, 100)
            .with_bar(0, 0, 30, 240, 0.15)
            .with_bar(40, 200, 230, 3, 0.4)
            .with_bar(200, 60, 3, 3, 0.2);
        let digits = read(&photo);
        assert_eq!(
            digits.len(),
            1,
            "{:?}",
            digits.iter().map(|digit| digit.area).collect::<Vec<_>>()
        );
        assert_eq!(most_like(&digits[0]), 6);
    }

    #[test]
    fn the_steps_between_are_pictures_of_the_same_size() {
        let photo = Photo::shadowed().with_digit(3, 60, 60, 100);
        let reading = Reading::of(&photo.rgba(), photo.width(), photo.height()).unwrap();
        let pixels = photo.width() * photo.height();
        assert_eq!((reading.evened.len(), reading.ink.len()), (pixels, pixels));
        let Area { left, top, .. } = reading.digits[0].area;
        let corner = top.min(left) / 2 * photo.width() + 1;
        assert!(reading.evened[corner] > 200 && reading.ink[corner] == 0);
        assert_eq!(reading.digits[0].fitted.len(), 400);
        assert_eq!(reading.digits[0].pixels.len(), 784);
    }

    #[test]
    fn pictures_without_ink_and_wrong_sizes_are_errors() {
        for blank in [Photo::even(), Photo::slanted(), Photo::shadowed()] {
            let found = Reading::of(&blank.rgba(), blank.width(), blank.height());
            assert_eq!(
                found.map(|found| found.digits.len()),
                Err(ReadingError::Empty)
            );
        }
        assert_eq!(Reading::of(&[], 0, 0), Err(ReadingError::Empty));
        let size = ReadingError::Size {
            width: 5,
            height: 5,
            bytes: 3,
        };
        assert_eq!(Reading::of(&[1, 2, 3], 5, 5), Err(size));
        assert!(Reading::of(&[1, 2, 3], usize::MAX, 2).is_err());
    }

    #[test]
    fn a_single_pixel_is_a_dot() {
        let rgba: Vec<u8> = (0..900)
            .flat_map(|index| {
                if index == 217 {
                    [0, 0, 0, 255]
                } else {
                    [255; 4]
                }
            })
            .collect();
        let digits = Reading::of(&rgba, 30, 30).unwrap().digits;
        assert_eq!(digits[0].area, Area::pixel(7, 7));
        assert_eq!(digits[0].fitted, [255; 400]);
    }
}
