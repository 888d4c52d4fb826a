//! Decides how a training image is rotated, scaled, shifted and bent: one random affine map and one
//! smooth field of displacements per epoch and image, sampled in a single pass. It does not know in
//! which order images are shown.
//!
//! The field is a uniform cubic B-spline over a grid of random displacements. Source of the idea:
//! Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual
//! Document Analysis" (ICDAR 2003).

use crate::hyperparameters::Hyperparameters;
use crate::images::normalised;
use crate::philox::{Draws, Philox, Stream};

/// Points of the grid along each axis that have a part in one place's displacement.
const SUPPORT: usize = 4;
/// Intervals of the grid along each axis.
const INTERVALS: usize = 3;
/// Points of the grid along each axis.
const POINTS: usize = INTERVALS + SUPPORT - 1;

/// How images of one size are warped.
#[derive(Clone, Debug)]
pub(crate) struct Warp {
    height: usize,
    width: usize,
    rotation_rad: f32,
    scaling: f32,
    shift_px: f32,
    distortion_px: f32,
    rows: Vec<Weights>,
    columns: Vec<Weights>,
}

/// The first of the grid's points that a row or column feels, and how much it feels of each.
#[derive(Clone, Copy, Debug)]
struct Weights {
    first: usize,
    shares: [f32; SUPPORT],
}

impl Warp {
    /// The warp of a setting, or `None` if it only shifts.
    pub(crate) fn new(setting: &Hyperparameters, height: usize, width: usize) -> Option<Self> {
        let is_still = [setting.rotation_deg, setting.scaling, setting.distortion_px] == [0.0; 3];
        (!is_still).then(|| Self {
            height,
            width,
            rotation_rad: (setting.rotation_deg * std::f64::consts::PI / 180.0) as f32,
            scaling: setting.scaling as f32,
            shift_px: setting.shift_px as f32,
            distortion_px: setting.distortion_px as f32,
            rows: weights(height),
            columns: weights(width),
        })
    }

    /// Writes the normalised pixels of the warped image; what comes in from outside is black.
    pub(crate) fn show(
        &self,
        philox: &Philox,
        epoch: usize,
        image: u32,
        pixels: &[u8],
        values: &mut [f32],
    ) {
        let position = (epoch as u64) << 32 | u64::from(image);
        let mut draws = philox.draws(Stream::Warp, position);
        let map = Affine::draw(self, &mut draws);
        let field = Field::draw(self.distortion_px, &mut draws);
        let black = normalised(0.0);
        for (y, row) in values.chunks_exact_mut(self.width).enumerate() {
            let bent = field.row(self.rows[y]);
            let (mut from_x, mut from_y) = map.start_of_row(y);
            for (value, weights) in row.iter_mut().zip(&self.columns) {
                let (right, down) = bent.displacement(*weights);
                *value = match self.sample(pixels, from_x + right, from_y + down) {
                    None => black,
                    Some(brightness) => normalised(brightness),
                };
                from_x += map.across[0];
                from_y += map.across[1];
            }
        }
    }

    /// The brightness between four pixels; those outside are 0. `None` if all four are.
    fn sample(&self, pixels: &[u8], x: f32, y: f32) -> Option<f32> {
        let is_near = |place: f32, count: usize| place > -1.0 && place < count as f32;
        if !is_near(x, self.width) || !is_near(y, self.height) {
            return None;
        }
        // Moved by one to the right and down, so that places are positive and casts round down.
        let (left, top) = ((x + 1.0) as usize, (y + 1.0) as usize);
        let (right_share, bottom_share) = (x + 1.0 - left as f32, y + 1.0 - top as f32);
        let pixel = |row: usize, column: usize| {
            let is_inside = (1..=self.height).contains(&row) && (1..=self.width).contains(&column);
            if is_inside {
                f32::from(pixels[(row - 1) * self.width + column - 1])
            } else {
                0.0
            }
        };
        let across = |row| {
            let (left, right) = (pixel(row, left), pixel(row, left + 1));
            left + right_share * (right - left)
        };
        let (top, bottom) = (across(top), across(top + 1));
        Some(top + bottom_share * (bottom - top))
    }
}

/// From places in the warped image to places in the original.
struct Affine {
    origin: [f32; 2],
    /// Per column.
    across: [f32; 2],
    /// Per row.
    down: [f32; 2],
}

impl Affine {
    fn draw(warp: &Warp, draws: &mut Draws) -> Self {
        let angle = within(warp.rotation_rad, draws);
        let scale_x = libm::expf(within(warp.scaling, draws));
        let scale_y = libm::expf(within(warp.scaling, draws));
        let shift = [within(warp.shift_px, draws), within(warp.shift_px, draws)];
        let (sine, cosine) = (libm::sinf(angle), libm::cosf(angle));
        let across = [cosine * scale_x, sine * scale_x];
        let down = [-sine * scale_y, cosine * scale_y];
        let centre = [warp.width, warp.height].map(|count| (count as f32 - 1.0) / 2.0);
        let origin = std::array::from_fn(|axis| {
            centre[axis] + shift[axis] - centre[0] * across[axis] - centre[1] * down[axis]
        });
        Self {
            origin,
            across,
            down,
        }
    }

    fn start_of_row(&self, row: usize) -> (f32, f32) {
        let at = |axis: usize| self.origin[axis] + row as f32 * self.down[axis];
        (at(0), at(1))
    }
}

/// Displacements of the grid's points, to the right and down.
struct Field {
    points: [[[f32; 2]; POINTS]; POINTS],
}

/// A row's displacements, of the grid's columns.
struct BentRow {
    points: [[f32; 2]; POINTS],
}

impl Field {
    fn draw(distortion_px: f32, draws: &mut Draws) -> Self {
        let mut points = [[[0.0; 2]; POINTS]; POINTS];
        if distortion_px > 0.0 {
            for displacement in points.iter_mut().flatten().flatten() {
                *displacement = within(distortion_px, draws);
            }
        }
        Self { points }
    }

    fn row(&self, weights: Weights) -> BentRow {
        let mut points = [[0.0; 2]; POINTS];
        for (row, share) in self.points[weights.first..].iter().zip(weights.shares) {
            for (point, displacement) in points.iter_mut().zip(row) {
                point[0] += share * displacement[0];
                point[1] += share * displacement[1];
            }
        }
        BentRow { points }
    }
}

impl BentRow {
    fn displacement(&self, weights: Weights) -> (f32, f32) {
        let mut sum = (0.0, 0.0);
        for (point, share) in self.points[weights.first..].iter().zip(weights.shares) {
            sum.0 += share * point[0];
            sum.1 += share * point[1];
        }
        sum
    }
}

/// Uniform in -`largest`..`largest`.
fn within(largest: f32, draws: &mut Draws) -> f32 {
    largest * (2.0 * draws.unit() - 1.0)
}

/// The weights of each of `count` places, spread evenly over the grid's intervals.
fn weights(count: usize) -> Vec<Weights> {
    let last = (count.max(2) - 1) as f32;
    let of_place = |place: usize| {
        let at = (INTERVALS * place) as f32 / last;
        let first = (at as usize).min(INTERVALS - 1);
        let u = at - first as f32;
        let (u2, u3, v) = (u * u, u * u * u, 1.0 - u);
        let shares = [
            v * v * v,
            3.0 * u3 - 6.0 * u2 + 4.0,
            -3.0 * u3 + 3.0 * u2 + 3.0 * u + 1.0,
            u3,
        ];
        Weights {
            first,
            shares: shares.map(|share| share / 6.0),
        }
    };
    (0..count).map(of_place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::normalise;

    fn warp(setting: Hyperparameters) -> Option<Warp> {
        Warp::new(&setting, 28, 28)
    }

    fn shown(warp: &Warp, image: u32, pixels: &[u8]) -> Vec<f32> {
        let mut values = vec![0.0; pixels.len()];
        warp.show(&Philox::new(3), 1, image, pixels, &mut values);
        values
    }

    /// A square, off the centre.
    fn square() -> Vec<u8> {
        let is_inside =
            |place: usize| (8..16).contains(&(place / 28)) && (10..18).contains(&(place % 28));
        (0..784)
            .map(|place| if is_inside(place) { 200 } else { 0 })
            .collect()
    }

    fn brightness(values: &[f32]) -> f32 {
        values.iter().map(|value| value - normalised(0.0)).sum()
    }

    #[test]
    fn settings_that_only_shift_have_no_warp() {
        assert!(warp(Hyperparameters::default()).is_none());
    }

    #[test]
    fn hardly_any_warp_shows_the_image_as_it_is() {
        let warp = warp(Hyperparameters {
            rotation_deg: 1e-9,
            shift_px: 0,
            ..Hyperparameters::default()
        });
        let mut expected = vec![0.0; 784];
        normalise(&square(), &mut expected);
        for (value, expected) in shown(&warp.unwrap(), 7, &square()).iter().zip(&expected) {
            assert!((value - expected).abs() < 1e-3, "{value} is not {expected}");
        }
    }

    #[test]
    fn each_source_of_change_changes_and_images_differ() {
        let settings = [(20.0, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 3.0)];
        for (rotation_deg, scaling, distortion_px) in settings {
            let warp = warp(Hyperparameters {
                rotation_deg,
                scaling,
                distortion_px,
                shift_px: 0,
                ..Hyperparameters::default()
            })
            .unwrap();
            let (first, second) = (shown(&warp, 1, &square()), shown(&warp, 2, &square()));
            assert_ne!(first, second);
            let mut plain = vec![0.0; 784];
            normalise(&square(), &mut plain);
            assert_ne!(first, plain);
            let ratio = brightness(&first) / brightness(&plain);
            assert!((0.4..2.2).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn shares_of_every_place_add_up_to_one() {
        for weights in weights(28) {
            assert!((weights.shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(weights.first + SUPPORT <= POINTS);
        }
    }

    #[test]
    fn places_far_outside_are_black() {
        let warp = warp(Hyperparameters {
            rotation_deg: 1.0,
            ..Hyperparameters::default()
        })
        .unwrap();
        assert_eq!(warp.sample(&square(), -1.0, 5.0), None);
        assert_eq!(warp.sample(&square(), 5.0, 28.0), None);
        assert_eq!(warp.sample(&square(), 12.0, 12.0), Some(200.0));
        assert_eq!(warp.sample(&square(), 9.5, 12.0), Some(100.0));
    }
}
