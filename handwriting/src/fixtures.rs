//! Photos for tests, drawn by code: digits in ink on paper, in even and in bad light.

use tabsweep_dataset::draw_digit;

use crate::{form::SIDE, plane::Plane};

const WIDTH: usize = 280;
const HEIGHT: usize = 240;
/// Of the paper's light, what ink gives back.
const INK: f32 = 0.2;

/// The digit that photos show, as the training set has it.
pub(crate) fn original(class: usize) -> Vec<u8> {
    draw_digit(11, class as u64, class).to_vec()
}

/// How much two digits of 28×28 pixels differ per pixel, of 255, where they fit best: within a pixel,
/// where the edge of ink lies is a matter of taste.
pub(crate) fn mean_difference(a: &[u8], b: &[u8]) -> f32 {
    let shifts = (0..3).flat_map(|right| (0..3).map(move |down| (right, down)));
    let differences = shifts.map(|shift| shifted_difference(a, b, shift));
    differences.fold(f32::MAX, f32::min)
}

fn shifted_difference(a: &[u8], b: &[u8], (right, down): (usize, usize)) -> f32 {
    let inner = 1..SIDE - 1;
    let pairs = inner
        .clone()
        .flat_map(|y| inner.clone().map(move |x| (x, y)));
    let sum: u32 = pairs
        .map(|(x, y)| a[y * SIDE + x].abs_diff(b[(y + down - 1) * SIDE + x + right - 1]))
        .map(u32::from)
        .sum();
    sum as f32 / (SIDE * SIDE) as f32
}

/// A photo of a sheet of paper.
#[derive(Clone)]
pub(crate) struct Photo {
    light: Plane,
    /// What the paper gives back of its light.
    surface: Plane,
}

impl Photo {
    fn lit(light: impl Fn(f32, f32) -> f32) -> Self {
        let place = |at: usize, length: usize| at as f32 / length as f32;
        Self {
            light: Plane::new(WIDTH, HEIGHT, |x, y| {
                light(place(x, WIDTH), place(y, HEIGHT))
            }),
            surface: Plane::new(WIDTH, HEIGHT, |_, _| 1.0),
        }
    }

    /// White paper in even light.
    pub(crate) fn even() -> Self {
        Self::lit(|_, _| 1.0)
    }

    /// Lit from one corner, at the other a third as bright.
    pub(crate) fn slanted() -> Self {
        Self::lit(|x, y| 0.95 - 0.3 * x - 0.3 * y)
    }

    /// The soft edge of a shadow runs across.
    pub(crate) fn shadowed() -> Self {
        Self::lit(|x, y| 0.9 - 0.35 * ((x + 0.4 * y - 0.55) * 6.0).clamp(0.0, 1.0))
    }

    /// With a digit in `size`×`size` pixels.
    pub(crate) fn with_digit(self, class: usize, left: usize, top: usize, size: usize) -> Self {
        let ink = original(class);
        let ink = Plane::new(SIDE, SIDE, |x, y| f32::from(ink[y * SIDE + x]) / 255.0);
        let scale = SIDE as f32 / size as f32;
        self.with(left, top, size, size, |x, y| {
            let ink = ink.between((x as f32 + 0.5) * scale, (y as f32 + 0.5) * scale);
            1.0 - (1.0 - INK) * ink
        })
    }

    /// With a filled rectangle that gives back a part of the light.
    pub(crate) fn with_bar(
        self,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
        back: f32,
    ) -> Self {
        self.with(left, top, width, height, |_, _| back)
    }

    fn with(
        mut self,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
        back: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let old = self.surface;
        self.surface = Plane::new(WIDTH, HEIGHT, |x, y| {
            let place = x.checked_sub(left).zip(y.checked_sub(top));
            let inside = place.filter(|(x, y)| *x < width && *y < height);
            inside.map_or(1.0, |(x, y)| back(x, y)).min(old.at(x, y))
        });
        self
    }

    /// Chalk on a board.
    pub(crate) fn inverted(&self) -> Self {
        Self {
            light: self.light.clone(),
            surface: Plane::new(WIDTH, HEIGHT, |x, y| 1.0 - self.surface.at(x, y)),
        }
    }

    pub(crate) fn width(&self) -> usize {
        WIDTH
    }

    pub(crate) fn height(&self) -> usize {
        HEIGHT
    }

    /// What the camera sees, with the grain of its sensor.
    pub(crate) fn lightness(&self) -> Plane {
        Plane::new(WIDTH, HEIGHT, |x, y| {
            let grain = ((x * 7919 + y * 104_729 + x * y * 31) % 13) as f32 / 12.0 - 0.5;
            (self.light.at(x, y) * self.surface.at(x, y) + 0.03 * grain).clamp(0.0, 1.0)
        })
    }

    pub(crate) fn rgba(&self) -> Vec<u8> {
        let bytes = self.lightness().bytes();
        bytes
            .iter()
            .flat_map(|value| [*value, *value, *value, 255])
            .collect()
    }
}
