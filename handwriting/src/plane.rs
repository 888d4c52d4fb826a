//! A picture of one value per pixel, and what can be done with any such picture.

use std::ops::Range;

/// Values row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Plane {
    /// A plane whose values are computed from column and row.
    pub fn new(width: usize, height: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self {
            width,
            height,
            values: rows.map(|(x, y)| value(x, y)).collect(),
        }
    }

    /// How bright each pixel of `[height, width, 4]` bytes (red, green, blue, opacity) is on white
    /// paper (ITU-R BT.601), from 0 to 1.
    ///
    /// The caller has checked that there are as many bytes.
    pub(crate) fn lightness(rgba: &[u8], width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            values: rgba.chunks_exact(4).map(lightness).collect(),
        }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The longer side.
    pub(crate) fn longest(&self) -> usize {
        self.width.max(self.height)
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The value of a pixel inside.
    pub fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }

    /// The same picture with other values.
    pub(crate) fn map(&self, value: impl Fn(f32) -> f32) -> Self {
        Self {
            values: self.values.iter().map(|old| value(*old)).collect(),
            ..*self
        }
    }

    /// Each value times the other picture's, which is of the same size.
    pub(crate) fn times(&self, other: &Self) -> Self {
        self.paired(other, |a, b| a * b)
    }

    /// Each value over the other picture's, which is of the same size.
    pub(crate) fn over(&self, other: &Self) -> Self {
        self.paired(other, |a, b| a / b)
    }

    fn paired(&self, other: &Self, value: impl Fn(f32, f32) -> f32) -> Self {
        let pairs = self.values.iter().zip(&other.values);
        Self {
            values: pairs.map(|(a, b)| value(*a, *b)).collect(),
            ..*self
        }
    }

    /// The values as bytes, 1 as 255.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let byte = |value: &f32| (value * 255.0).round() as u8;
        self.values.iter().map(byte).collect()
    }

    /// The picture in another size: each pixel is the mean of the area that it covers.
    pub(crate) fn scaled(&self, width: usize, height: usize) -> Self {
        let columns = spans(self.width, width);
        let rows = spans(self.height, height);
        Self::new(width, height, |x, y| self.mean(&columns[x], &rows[y]))
    }

    fn mean(&self, columns: &Span, rows: &Span) -> f32 {
        let (mut sum, mut area) = (0.0, 0.0);
        for y in rows.pixels.clone() {
            let part = rows.part(y);
            for x in columns.pixels.clone() {
                let share = part * columns.part(x);
                sum += share * self.at(x, y);
                area += share;
            }
        }
        sum / area
    }

    /// The value between the centres of pixels, in units of pixels; beyond the edge as at the edge.
    pub(crate) fn between(&self, x: f32, y: f32) -> f32 {
        let (left, right, across) = neighbours(x, self.width);
        let (top, bottom, down) = neighbours(y, self.height);
        let row = |y: usize| mixed(self.at(left, y), self.at(right, y), across);
        mixed(row(top), row(bottom), down)
    }

    /// The greatest value within `radius` columns and rows of each pixel.
    pub(crate) fn greatest_around(&self, radius: usize) -> Self {
        let across = self.rows_mapped(|row| greatest_in_window(row, radius));
        let down = across
            .turned()
            .rows_mapped(|row| greatest_in_window(row, radius));
        down.turned()
    }

    /// The smallest value within `radius` columns and rows of each pixel.
    pub(crate) fn smallest_around(&self, radius: usize) -> Self {
        let negated = self.map(|value| -value);
        negated.greatest_around(radius).map(|value| -value)
    }

    /// The mean of the values within `radius` columns and rows of each pixel.
    pub(crate) fn mean_around(&self, radius: usize) -> Self {
        let across = self.rows_mapped(|row| mean_in_window(row, radius));
        let down = across
            .turned()
            .rows_mapped(|row| mean_in_window(row, radius));
        down.turned()
    }

    fn rows_mapped(&self, mapped: impl Fn(&[f32]) -> Vec<f32>) -> Self {
        Self {
            values: self.values.chunks(self.width).flat_map(mapped).collect(),
            ..*self
        }
    }

    /// Columns as rows.
    fn turned(&self) -> Self {
        Self::new(self.height, self.width, |x, y| self.at(y, x))
    }
}

fn lightness(pixel: &[u8]) -> f32 {
    let [red, green, blue, opacity] = [0, 1, 2, 3].map(|index| f32::from(pixel[index]) / 255.0);
    let colour = 0.299 * red + 0.587 * green + 0.114 * blue;
    colour * opacity + 1.0 - opacity
}

/// What a pixel of a scaled picture covers along one axis.
struct Span {
    from: f32,
    to: f32,
    pixels: Range<usize>,
}

impl Span {
    /// The part of a pixel that is covered.
    fn part(&self, pixel: usize) -> f32 {
        let pixel = pixel as f32;
        (pixel + 1.0).min(self.to) - pixel.max(self.from)
    }
}

fn spans(old: usize, new: usize) -> Vec<Span> {
    let step = old as f32 / new as f32;
    let span = |index: usize| {
        let from = index as f32 * step;
        let to = (from + step).min(old as f32);
        let first = (from as usize).min(old - 1);
        let pixels = first..(to.ceil() as usize).clamp(first + 1, old);
        Span { from, to, pixels }
    };
    (0..new).map(span).collect()
}

/// The pixels on both sides of a place, and how far it is from the first to the second.
fn neighbours(place: f32, length: usize) -> (usize, usize, f32) {
    let place = (place - 0.5).clamp(0.0, (length - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(length - 1), place - first as f32)
}

fn mixed(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

/// The greatest of each window, in one pass: blocks as long as a window, with the greatest from
/// each block's begin and to its end (van Herk, Pattern Recognition Letters 13, 1992).
fn greatest_in_window(row: &[f32], radius: usize) -> Vec<f32> {
    let window = 2 * radius + 1;
    let mut from_begin = row.to_vec();
    let mut to_end = row.to_vec();
    for index in 1..row.len() {
        if index % window != 0 {
            from_begin[index] = from_begin[index].max(from_begin[index - 1]);
        }
    }
    for index in (1..row.len()).rev() {
        if index % window != 0 {
            to_end[index - 1] = to_end[index - 1].max(to_end[index]);
        }
    }
    let greatest = |index: usize| {
        let (first, last) = window_of(index, radius, row.len());
        let whole = to_end[first].max(from_begin[last]);
        // At the edges a window is cut short: it may then lie within one block, whose rest is not in it.
        if last - first + 1 == window {
            whole
        } else {
            row[first..=last].iter().copied().fold(f32::MIN, f32::max)
        }
    };
    (0..row.len()).map(greatest).collect()
}

fn mean_in_window(row: &[f32], radius: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64];
    for value in row {
        sums.push(sums[sums.len() - 1] + f64::from(*value));
    }
    let mean = |index: usize| {
        let (first, last) = window_of(index, radius, row.len());
        ((sums[last + 1] - sums[first]) / (last + 1 - first) as f64) as f32
    };
    (0..row.len()).map(mean).collect()
}

/// First and last index of the window around `index`.
fn window_of(index: usize, radius: usize, length: usize) -> (usize, usize) {
    (
        index.saturating_sub(radius),
        (index + radius).min(length - 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any values, the same each time.
    fn plane(width: usize, height: usize) -> Plane {
        Plane::new(width, height, |x, y| ((x * 37 + y * 101) % 17) as f32)
    }

    fn around(plane: &Plane, x: usize, y: usize, radius: usize) -> Vec<f32> {
        let near = |a: usize, b: usize| a.abs_diff(b) <= radius;
        let all =
            (0..plane.height()).flat_map(|row| (0..plane.width()).map(move |column| (column, row)));
        let inside = all.filter(|(column, row)| near(*column, x) && near(*row, y));
        inside.map(|(column, row)| plane.at(column, row)).collect()
    }

    #[test]
    fn windows_hold_what_is_around_a_pixel() {
        for radius in [0, 1, 2, 5, 30] {
            let plane = plane(13, 9);
            let [greatest, smallest, mean] = [
                plane.greatest_around(radius),
                plane.smallest_around(radius),
                plane.mean_around(radius),
            ];
            for (x, y) in [(0, 0), (12, 8), (6, 4), (1, 7), (11, 2)] {
                let values = around(&plane, x, y, radius);
                assert_eq!(
                    greatest.at(x, y),
                    values.iter().copied().fold(f32::MIN, f32::max)
                );
                assert_eq!(
                    smallest.at(x, y),
                    values.iter().copied().fold(f32::MAX, f32::min)
                );
                let expected = values.iter().sum::<f32>() / values.len() as f32;
                assert!((mean.at(x, y) - expected).abs() < 1e-4, "{radius} {x} {y}");
            }
        }
    }

    #[test]
    fn scaling_keeps_the_mean_and_undoes_itself() {
        let plane = plane(12, 8);
        let mean = |plane: &Plane| plane.values().iter().sum::<f32>() / plane.values().len() as f32;
        for (width, height) in [(5, 3), (12, 8), (7, 8), (1, 1), (36, 24)] {
            let scaled = plane.scaled(width, height);
            assert!(
                (mean(&scaled) - mean(&plane)).abs() < 1e-3,
                "{width} {height}"
            );
        }
        let back = plane.scaled(36, 24).scaled(12, 8);
        let off = back
            .values()
            .iter()
            .zip(plane.values())
            .map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 1e-4);
    }

    #[test]
    fn what_lies_between_pixels_is_mixed_from_them() {
        let plane = Plane::new(2, 1, |x, _| x as f32);
        let values = [-3.0, 0.5, 0.75, 1.0, 1.5, 9.0].map(|x| plane.between(x, 0.2));
        assert_eq!(values, [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn what_shows_through_is_white_paper() {
        let rgba = [0, 0, 0, 255, 0, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 255];
        let lightness = Plane::lightness(&rgba, 4, 1);
        for (found, expected) in lightness.values().iter().zip([0.0, 1.0, 1.0, 0.299]) {
            assert!((found - expected).abs() < 1e-6);
        }
    }
}
