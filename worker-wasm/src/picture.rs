//! From a picture to a digit as MNIST has them: ink found, cropped, fitted into 20×20, centred by
//! mass in 28×28 (LeCun et al., "Gradient-based learning applied to document recognition", 1998).

/// Rows and columns of a digit.
pub const SIDE: usize = 28;
/// The longer side of the ink.
const FITTED: f32 = 20.0;
/// Ink weaker than this share of the strongest is paper.
const FAINT: f32 = 0.15;
/// A picture whose strongest ink differs less than this from its paper (of 255) is empty.
const LEAST_CONTRAST: f32 = 24.0;

/// Why a picture has no digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
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

/// The digit in a picture of `[height, width, 4]` bytes (red, green, blue, opacity), dark on light
/// or light on dark: `[28, 28]`, white on black.
///
/// # Errors
/// There is nothing in it, or its size is not that of its bytes.
pub fn digit(rgba: &[u8], width: usize, height: usize) -> Result<[u8; SIDE * SIDE], PictureError> {
    let bytes = rgba.len();
    if width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(4))
        != Some(bytes)
    {
        return Err(PictureError::Size {
            width,
            height,
            bytes,
        });
    }
    let ink = Ink::of(rgba, width, height).ok_or(PictureError::Empty)?;
    let fitted = ink.fitted().ok_or(PictureError::Empty)?;
    Ok(fitted.centred())
}

/// How much ink each pixel has, from 0 to 1.
struct Ink {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Ink {
    fn of(rgba: &[u8], width: usize, height: usize) -> Option<Self> {
        let light: Vec<f32> = rgba.chunks_exact(4).map(lightness).collect();
        let paper = paper(&light, width, height)?;
        let contrast = |value: f32| (value - paper).abs();
        // Ink is on one side of the paper only: on the side of the strongest difference.
        let strongest = light
            .iter()
            .copied()
            .max_by(|a, b| contrast(*a).total_cmp(&contrast(*b)))?;
        let range = strongest - paper;
        if range.abs() < LEAST_CONTRAST {
            return None;
        }
        let values = light.iter().map(|value| {
            let share = (value - paper) / range;
            if share < FAINT { 0.0 } else { share }
        });
        Some(Self {
            width,
            height,
            values: values.collect(),
        })
    }

    /// The ink's bounding box, its longer side scaled to 20 pixels by averaging areas.
    fn fitted(&self) -> Option<Self> {
        let (left, right) = self.extent(self.width, |x| {
            (0..self.height).any(|y| self.at(x, y) > 0.0)
        })?;
        let (top, bottom) = self.extent(self.height, |y| {
            (0..self.width).any(|x| self.at(x, y) > 0.0)
        })?;
        let (box_width, box_height) = ((right - left) as f32, (bottom - top) as f32);
        let scale = FITTED / box_width.max(box_height);
        let side = |length: f32| ((length * scale).round() as usize).clamp(1, FITTED as usize);
        let (width, height) = (side(box_width), side(box_height));
        let (step_x, step_y) = (box_width / width as f32, box_height / height as f32);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let from_x = left as f32 + x as f32 * step_x;
                let from_y = top as f32 + y as f32 * step_y;
                values.push(self.mean(from_x, from_x + step_x, from_y, from_y + step_y));
            }
        }
        Some(Self {
            width,
            height,
            values,
        })
    }

    /// First and last-but-one index for which there is ink.
    fn extent(&self, length: usize, has_ink: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        let first = (0..length).find(|index| has_ink(*index))?;
        let last = (0..length).rev().find(|index| has_ink(*index))?;
        Some((first, last + 1))
    }

    /// Mean ink over a rectangle with fractional edges.
    fn mean(&self, left: f32, right: f32, top: f32, bottom: f32) -> f32 {
        let (mut sum, mut area) = (0.0, 0.0);
        for y in top as usize..(bottom.ceil() as usize).min(self.height) {
            let rows = overlap(y, top, bottom);
            for x in left as usize..(right.ceil() as usize).min(self.width) {
                let share = rows * overlap(x, left, right);
                sum += share * self.at(x, y);
                area += share;
            }
        }
        if area > 0.0 { sum / area } else { 0.0 }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }

    /// In 28×28 with its centre of mass in the middle, as far as that keeps all ink inside.
    fn centred(&self) -> [u8; SIDE * SIDE] {
        let (mut mass, mut mass_x, mut mass_y) = (0.0, 0.0, 0.0);
        for y in 0..self.height {
            for x in 0..self.width {
                let ink = self.at(x, y);
                mass += ink;
                mass_x += ink * (x as f32 + 0.5);
                mass_y += ink * (y as f32 + 0.5);
            }
        }
        let middle = SIDE as f32 / 2.0;
        let place = |moment: f32, length: usize| {
            let offset = (middle - moment / mass).round().max(0.0) as usize;
            offset.min(SIDE - length)
        };
        let (left, top) = (place(mass_x, self.width), place(mass_y, self.height));
        let mut digit = [0; SIDE * SIDE];
        for y in 0..self.height {
            for x in 0..self.width {
                let ink = (self.at(x, y) * 255.0).round() as u8;
                digit[(top + y) * SIDE + left + x] = ink;
            }
        }
        digit
    }
}

/// Perceived brightness (ITU-R BT.601) on white paper.
fn lightness(pixel: &[u8]) -> f32 {
    let [red, green, blue, opacity] = [0, 1, 2, 3].map(|index| f32::from(pixel[index]));
    let colour = 0.299 * red + 0.587 * green + 0.114 * blue;
    let opacity = opacity / 255.0;
    colour * opacity + 255.0 * (1.0 - opacity)
}

/// The paper's brightness: the median along the edges.
fn paper(light: &[f32], width: usize, height: usize) -> Option<f32> {
    let is_edge = |index: usize| {
        let (x, y) = (index % width, index / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let mut edge: Vec<f32> = light
        .iter()
        .enumerate()
        .filter(|(index, _)| is_edge(*index))
        .map(|(_, l)| *l)
        .collect();
    edge.sort_by(f32::total_cmp);
    edge.get(edge.len() / 2).copied()
}

fn overlap(pixel: usize, from: f32, to: f32) -> f32 {
    let pixel = pixel as f32;
    ((pixel + 1.0).min(to) - pixel.max(from)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of `side` × `side` pixels with a filled rectangle.
    fn rectangle(side: usize, paper: u8, ink: u8, x: [usize; 2], y: [usize; 2]) -> Vec<u8> {
        let pixel = |index: usize| {
            let (column, row) = (index % side, index / side);
            let inside = (x[0]..x[1]).contains(&column) && (y[0]..y[1]).contains(&row);
            let value = if inside { ink } else { paper };
            [value, value, value, 255]
        };
        (0..side * side).flat_map(pixel).collect()
    }

    fn bounds(digit: &[u8]) -> [usize; 4] {
        let inked = |index: &usize| digit[*index] > 127;
        let columns = (0..digit.len()).filter(inked).map(|index| index % SIDE);
        let rows = (0..digit.len()).filter(inked).map(|index| index / SIDE);
        [
            columns.clone().min().unwrap(),
            columns.max().unwrap(),
            rows.clone().min().unwrap(),
            rows.max().unwrap(),
        ]
    }

    #[test]
    fn ink_is_fitted_and_centred_wherever_it_was() {
        for (x, y) in [([10, 40], [100, 220]), ([200, 230], [3, 123])] {
            let picture = rectangle(280, 255, 0, x, y);
            let digit = digit(&picture, 280, 280).unwrap();
            assert_eq!(bounds(&digit), [12, 16, 4, 23]);
        }
    }

    #[test]
    fn light_on_dark_gives_the_same() {
        let (x, y) = ([60, 120], [40, 200]);
        let dark = digit(&rectangle(240, 250, 20, x, y), 240, 240).unwrap();
        let light = digit(&rectangle(240, 5, 235, x, y), 240, 240).unwrap();
        assert_eq!(dark, light);
    }

    #[test]
    fn pictures_without_ink_and_wrong_sizes_are_errors() {
        assert_eq!(
            digit(&rectangle(50, 200, 200, [0, 9], [0, 9]), 50, 50),
            Err(PictureError::Empty)
        );
        assert_eq!(digit(&[], 0, 0), Err(PictureError::Empty));
        let size = PictureError::Size {
            width: 5,
            height: 5,
            bytes: 3,
        };
        assert_eq!(digit(&[1, 2, 3], 5, 5), Err(size));
        assert!(digit(&[1, 2, 3], usize::MAX, 2).is_err());
    }

    #[test]
    fn a_single_pixel_is_a_dot() {
        let digit = digit(&rectangle(30, 255, 0, [7, 8], [7, 8]), 30, 30).unwrap();
        assert_eq!(bounds(&digit), [4, 23, 4, 23]);
    }
}
