//! Decides how a picture of any size becomes one of a model's: which part of it, and how pixels are
//! averaged.
//!
//! Sums are those of Pillow's `Image.resize`, to the byte: filters as wide as what is shrunk, weights
//! in steps of 2⁻²², first along the rows, then along the columns, bytes in between. Models are
//! published with scores that were measured so, and integers are the same everywhere.

use serde::{Deserialize, Serialize};

use crate::picture::Picture;

/// A bundle's rule for pictures of another size: which part is shown, and how pixels are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Resize {
    /// The largest part in the middle that has the model's shape, `share` of it along each side, so
    /// nothing is squeezed.
    Crop {
        /// Above 0, at most 1.
        share: f64,
        /// How pixels are averaged.
        filter: Filter,
    },
    /// All of it, squeezed.
    Squash {
        /// How pixels are averaged.
        filter: Filter,
    },
}

/// How the pixels under an output pixel are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// By nearness, out to one output pixel.
    Bilinear,
    /// All alike.
    Area,
}

impl Filter {
    /// How far it reaches, in output pixels.
    fn reach(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Area => 0.5,
        }
    }

    /// Weight at a distance.
    fn weight(self, at: f64) -> f64 {
        match self {
            Self::Bilinear => (1.0 - at.abs()).max(0.0),
            // A pixel on the edge belongs to one side.
            Self::Area if at > -0.5 && at <= 0.5 => 1.0,
            Self::Area => 0.0,
        }
    }
}

/// Columns or rows of a picture: from where, how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: usize,
    count: usize,
}

impl Span {
    /// In the middle; a pixel that can't be halved is left out at the end.
    fn middle(all: usize, count: usize) -> Self {
        Self {
            first: (all - count) / 2,
            count,
        }
    }
}

impl Resize {
    /// The picture in `width` × `height` pixels.
    #[must_use]
    pub fn apply(&self, picture: &Picture, width: usize, height: usize) -> Picture {
        let (columns, rows) = self.part(picture, width, height);
        let narrow = self.along_rows(picture, rows, columns, width);
        let pixels = self.along_columns(&narrow, rows.count, width, height);
        Picture::new(width, height, pixels)
    }

    fn filter(&self) -> Filter {
        match *self {
            Self::Crop { filter, .. } | Self::Squash { filter } => filter,
        }
    }

    /// `[rows, width, 3]`.
    fn along_rows(&self, picture: &Picture, rows: Span, columns: Span, width: usize) -> Vec<u8> {
        let taps = taps(self.filter(), columns.count, width);
        let stride = picture.width() * Picture::CHANNELS;
        let mut narrow = Vec::with_capacity(rows.count * width * Picture::CHANNELS);
        let all = picture.pixels().chunks_exact(stride);
        for row in all.skip(rows.first).take(rows.count) {
            let (pixels, _) = row.as_chunks::<{ Picture::CHANNELS }>();
            let pixels = &pixels[columns.first..][..columns.count];
            for tap in &taps {
                narrow.extend(tap.mean(&pixels[tap.first..]));
            }
        }
        narrow
    }

    /// `[height, width, 3]` of `[rows, width, 3]`.
    fn along_columns(&self, narrow: &[u8], rows: usize, width: usize, height: usize) -> Vec<u8> {
        let stride = width * Picture::CHANNELS;
        let mut sums = vec![0_u32; stride];
        let mut pixels = Vec::with_capacity(height * stride);
        for tap in taps(self.filter(), rows, height) {
            sums.fill(HALF);
            let source = narrow[tap.first * stride..].chunks_exact(stride);
            for (row, &weight) in source.zip(&tap.weights) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += weight * u32::from(value);
                }
            }
            pixels.extend(sums.iter().map(|&sum| byte(sum)));
        }
        pixels
    }

    /// Columns and rows that are shown.
    fn part(&self, picture: &Picture, width: usize, height: usize) -> (Span, Span) {
        let (all_columns, all_rows) = (picture.width(), picture.height());
        let (columns, rows) = match *self {
            Self::Squash { .. } => (all_columns, all_rows),
            Self::Crop { share, .. } => {
                let scale =
                    (all_columns as f64 / width as f64).min(all_rows as f64 / height as f64);
                // Rounded to a hair first: a product that is whole on paper stays whole.
                let side = |length: usize, all: usize| {
                    let whole = length as f64 * scale * share + 1e-9;
                    (whole as usize).clamp(1, all)
                };
                (side(width, all_columns), side(height, all_rows))
            }
        };
        (
            Span::middle(all_columns, columns),
            Span::middle(all_rows, rows),
        )
    }
}

/// Bits behind the point of a weight: with eight of a pixel and two to spare they fill a word.
const FRACTION_BITS: u32 = 32 - 8 - 2;
const HALF: u32 = 1 << (FRACTION_BITS - 1);

/// What an output pixel is made of.
struct Tap {
    first: usize,
    weights: Vec<u32>,
}

impl Tap {
    fn mean(&self, pixels: &[[u8; 3]]) -> [u8; 3] {
        let mut sums = [HALF; 3];
        for (pixel, &weight) in pixels.iter().zip(&self.weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += weight * u32::from(value);
            }
        }
        sums.map(byte)
    }
}

/// For each of `outputs` pixels, which of `inputs` it is made of.
fn taps(filter: Filter, inputs: usize, outputs: usize) -> Vec<Tap> {
    let scale = inputs as f64 / outputs as f64;
    // A filter is never narrower than an input pixel, or enlarging would leave gaps.
    let stretch = scale.max(1.0);
    let reach = filter.reach() * stretch;
    let tap = |output: usize| {
        let centre = (output as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(inputs);
        let shares = (first..end)
            .map(|input| filter.weight((input as f64 - centre + 0.5) / stretch))
            .collect::<Vec<_>>();
        let whole: f64 = shares.iter().sum();
        let steps = f64::from(1_u32 << FRACTION_BITS);
        let weight = |share: &f64| (share / whole * steps + 0.5) as u32;
        Tap {
            first,
            weights: shares.iter().map(weight).collect(),
        }
    };
    (0..outputs).map(tap).collect()
}

/// A sum without its fraction, which rounds because it began with a half.
fn byte(sum: u32) -> u8 {
    (sum >> FRACTION_BITS).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `resized` in `tests/pictures.py` draws it.
    fn drawn() -> Picture {
        let pixel = |at: usize| [37 * at, at * at, 91 * at + 5].map(|value| value as u8);
        Picture::new(11, 7, (0..77).flat_map(pixel).collect())
    }

    #[track_caller]
    fn check(filter: Filter, (width, height): (usize, usize), sum: u64, first: [u8; 12]) {
        let found = Resize::Squash { filter }.apply(&drawn(), width, height);
        let numbered = (1..).zip(found.pixels());
        let found_sum: u64 = numbered.map(|(at, &value)| at * u64::from(value)).sum();
        assert_eq!(found.pixels()[..12], first);
        assert_eq!(found_sum, sum);
    }

    #[test]
    fn squashed_pictures_are_pillows() {
        use Filter::{Area, Bilinear};
        let first = [107, 85, 127, 115, 101, 141, 117, 61, 124, 116, 112, 108];
        check(Bilinear, (4, 3), 83_231, first);
        let first = [0, 0, 5, 20, 1, 53, 45, 2, 116, 71, 4, 178];
        check(Bilinear, (16, 9), 11_853_175, first);
        let first = [113, 74, 127, 96, 79, 144, 125, 47, 74, 110, 114, 130];
        check(Area, (4, 3), 83_421, first);
        let first = [0, 0, 5, 37, 1, 96, 37, 1, 96, 74, 4, 187];
        check(Area, (16, 9), 11_712_239, first);
    }

    #[test]
    fn a_crop_is_the_middle_and_has_the_models_shape() {
        let filter = Filter::Area;
        let part =
            |share, width, height| Resize::Crop { share, filter }.part(&drawn(), width, height);
        let span = |first, count| Span { first, count };
        assert_eq!(part(1.0, 4, 4), (span(2, 7), span(0, 7)));
        assert_eq!(part(0.875, 4, 4), (span(2, 6), span(0, 6)));
        assert_eq!(part(1.0, 6, 3), (span(0, 11), span(1, 5)));
        assert_eq!(part(0.001, 4, 4), (span(5, 1), span(3, 1)));
    }

    #[test]
    fn what_has_the_size_already_is_not_touched() {
        for filter in [Filter::Bilinear, Filter::Area] {
            assert_eq!(Resize::Squash { filter }.apply(&drawn(), 11, 7), drawn());
        }
    }
}
