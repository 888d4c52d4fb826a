//! `synthetic-digits`: a data set like MNIST that the project draws itself, digit by digit, from pen strokes.
//! A digit depends on seed, index and class only, to the byte on every platform; it does not know the others.

use crate::pen::{Page, Pen, Point, length, path, shorten};
use crate::philox::Draws;
use crate::set::{DataSet, Images, Labelled, Labels, SetError};
use crate::strokes::{DIGITS, Knot, Stroke, Style};

/// What the data set is called.
pub const NAME: &str = "synthetic-digits";
/// Rows and columns of a digit, in pixels.
pub const SIDE: usize = 28;
/// Pixels of a digit.
pub const DIGIT_LEN: usize = SIDE * SIDE;
/// The number of classes: the digits 0 to 9.
pub const CLASSES: usize = DIGITS.len();
/// The index of the first test digit: far beyond the training digits, so that the two sets share none.
pub const FIRST_TEST_INDEX: u64 = 1 << 32;

/// Digits are normalised like MNIST's: into a box of this many pixels, the larger side filling it.
const BOX_SIDE: f32 = 20.0;

/// What a draw is for; each purpose has numbers of its own.
const SHAPE: u32 = 0;
const CLASS_ORDER: u32 = 1;

/// How much the digits differ. Tuned so that LeNet-16-32-128 errs on about one in a hundred test digits after two
/// epochs, and what it errs on looks ambiguous to people too.
mod spread {
    /// Range of a hand's carelessness, which multiplies the deviations of knots and waves.
    pub(super) const CARELESSNESS: (f32, f32) = (0.5, 1.5);
    /// Standard deviation of a knot, in units of strokes (the digit is 100 high).
    pub(super) const KNOT: f32 = 3.8;
    /// Range of the sideways lean per height.
    pub(super) const SLANT: (f32, f32) = (-0.35, 0.45);
    /// Standard deviation of the rotation, as the tangent of half the angle.
    pub(super) const HALF_TURN: f32 = 0.05;
    /// Range of width over height, relative to the strokes'.
    pub(super) const WIDTH: (f32, f32) = (0.75, 1.4);
    /// Standard deviation of each wave of the distortion, in units of strokes.
    pub(super) const WAVE: f32 = 3.5;
    /// The largest part of a stroke missing at either end.
    pub(super) const MISSING: f32 = 0.08;
    /// Range of the size, relative to the box.
    pub(super) const SIZE: (f32, f32) = (0.8, 1.05);
    /// Standard deviation of the place, in pixels, each way.
    pub(super) const SHIFT: f32 = 0.7;
    /// Range of the pen's radius, in pixels.
    pub(super) const RADIUS: (f32, f32) = (0.6, 2.1);
    /// Range of the width of the pen's soft edge, in pixels.
    pub(super) const SOFTNESS: (f32, f32) = (1.0, 1.7);
    /// Range of the ink's brightness.
    pub(super) const BRIGHTNESS: (f32, f32) = (0.8, 1.0);
}

/// A drawn data set: how many digits, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SyntheticDigits {
    /// Another seed, other digits.
    pub seed: u64,
    /// The number of training digits; a smaller set is the beginning of a larger one.
    pub train: usize,
    /// The number of test digits; the same whatever the number of training digits.
    pub test: usize,
}

impl Default for SyntheticDigits {
    /// As many digits as MNIST has.
    fn default() -> Self {
        Self {
            seed: 0,
            train: 60_000,
            test: 10_000,
        }
    }
}

impl SyntheticDigits {
    /// Draws the digits; any ten from a multiple of ten on are one of each class, in random order.
    ///
    /// Fails when either part would have no images.
    pub fn draw(&self) -> Result<DataSet, SetError> {
        let train = self.part(0, self.train)?;
        let test = self.part(FIRST_TEST_INDEX, self.test)?;
        DataSet::new(NAME, CLASSES, train, test)
    }

    fn part(&self, first: u64, count: usize) -> Result<Labelled, SetError> {
        let mut pixels = Vec::with_capacity(count * DIGIT_LEN);
        let mut labels = Vec::with_capacity(count);
        for index in (first..).take(count) {
            let class = class_of(self.seed, index);
            pixels.extend(draw_digit(self.seed, index, class));
            labels.push(class as u8);
        }
        Labelled::new(Images::new(SIDE, SIDE, pixels)?, Labels::new(labels))
    }
}

/// The class of digit `index`: its place in a shuffle of the ten classes, one shuffle for every ten digits.
fn class_of(seed: u64, index: u64) -> usize {
    let classes = CLASSES as u64;
    let mut draws = Draws::new(seed, index / classes, CLASS_ORDER);
    let mut order: [usize; CLASSES] = std::array::from_fn(|class| class);
    for last in (1..CLASSES).rev() {
        order.swap(last, draws.below(last as u32 + 1) as usize);
    }
    order[(index % classes) as usize]
}

/// Draws digit `index` as class `class` (0 to 9): 28×28 pixels row by row, white on black.
///
/// The same arguments give the same bytes on every platform.
///
/// # Panics
///
/// When `class` is not a digit.
#[must_use]
pub fn draw_digit(seed: u64, index: u64, class: usize) -> [u8; DIGIT_LEN] {
    let mut draws = Draws::new(seed, index, SHAPE);
    let style = pick_style(&mut draws, DIGITS[class]);
    let carelessness = draws.between(spread::CARELESSNESS.0, spread::CARELESSNESS.1);
    let mut paths = write_strokes(&mut draws, style, carelessness * spread::KNOT);
    let hand = Hand::draw(&mut draws, carelessness * spread::WAVE);
    for point in paths.iter_mut().flatten() {
        *point = hand.bend(*point);
    }
    place(&mut draws, &mut paths);
    ink(&mut draws, &paths)
}

fn pick_style(draws: &mut Draws, styles: &'static [Style]) -> &'static Style {
    let total = styles.iter().map(|style| style.weight).sum();
    let mut left = draws.below(total);
    for style in styles {
        if left < style.weight {
            return style;
        }
        left -= style.weight;
    }
    unreachable!("the draw is below the sum of the weights")
}

/// The strokes with every knot a little off and the ends a little short, centred on 0.
fn write_strokes(draws: &mut Draws, style: &Style, deviation: f32) -> Vec<Vec<Point>> {
    style
        .strokes
        .iter()
        .map(|stroke| write_stroke(draws, stroke, deviation))
        .collect()
}

fn write_stroke(draws: &mut Draws, stroke: Stroke, deviation: f32) -> Vec<Point> {
    let knots: Vec<Knot> = stroke
        .iter()
        .map(|knot| Knot {
            x: knot.x - 30.0 + deviation * draws.bell(),
            y: knot.y - 50.0 + deviation * draws.bell(),
            ..*knot
        })
        .collect();
    let path = path(&knots);
    let long = length(&path);
    let head = long * draws.between(0.0, spread::MISSING);
    let tail = long * draws.between(0.0, spread::MISSING);
    shorten(&path, head, tail)
}

/// How one hand bends what it writes: smooth waves, slant, width and turn.
struct Hand {
    waves: [Wave; 6],
    slant: f32,
    width: f32,
    cos: f32,
    sin: f32,
}

/// A displacement that swings across the page.
struct Wave {
    shift: Point,
    /// Radians per unit of strokes, along x and y.
    frequency: Point,
    /// Radians.
    phase: f32,
}

impl Hand {
    fn draw(draws: &mut Draws, deviation: f32) -> Self {
        let waves = std::array::from_fn(|_| Wave::draw(draws, deviation));
        let slant = draws.between(spread::SLANT.0, spread::SLANT.1);
        let width = draws.between(spread::WIDTH.0, spread::WIDTH.1);
        // cos and sin of the angle from the tangent of its half: no trigonometry needed.
        let half = spread::HALF_TURN * draws.bell();
        let scale = 1.0 + half * half;
        Self {
            waves,
            slant,
            width,
            cos: (1.0 - half * half) / scale,
            sin: 2.0 * half / scale,
        }
    }

    fn bend(&self, point: Point) -> Point {
        let waved = self.waves.iter().fold(point, |bent, wave| {
            let swing = wave.swing(point);
            Point {
                x: bent.x + wave.shift.x * swing,
                y: bent.y + wave.shift.y * swing,
            }
        });
        let x = self.width * waved.x - self.slant * waved.y;
        Point {
            x: self.cos * x - self.sin * waved.y,
            y: self.sin * x + self.cos * waved.y,
        }
    }
}

impl Wave {
    fn draw(draws: &mut Draws, deviation: f32) -> Self {
        let mut both = |deviation: f32| Point {
            x: deviation * draws.bell(),
            y: deviation * draws.bell(),
        };
        Self {
            shift: both(deviation),
            // Wave lengths mostly well beyond the height of the digit: smooth bends, no wiggles.
            frequency: both(0.025),
            phase: draws.between(0.0, 6.283_185_5),
        }
    }

    /// -1 to 1.
    fn swing(&self, at: Point) -> f32 {
        libm::sinf(self.frequency.x * at.x + self.frequency.y * at.y + self.phase)
    }
}

/// Scales to the box, keeping the proportions, and puts the centre of mass near the middle of the page.
fn place(draws: &mut Draws, paths: &mut [Vec<Point>]) {
    let scale = BOX_SIDE / extent(paths) * draws.between(spread::SIZE.0, spread::SIZE.1);
    let mass = centre_of_mass(paths);
    let middle = SIDE as f32 / 2.0;
    let x = middle + spread::SHIFT * draws.bell();
    let y = middle + spread::SHIFT * draws.bell();
    for point in paths.iter_mut().flatten() {
        point.x = x + scale * (point.x - mass.x);
        point.y = y + scale * (point.y - mass.y);
    }
}

/// The larger side of the box around all points.
fn extent(paths: &[Vec<Point>]) -> f32 {
    let side = |of: fn(&Point) -> f32| {
        let places = paths.iter().flatten().map(of);
        let low = places.clone().fold(f32::INFINITY, f32::min);
        places.fold(f32::NEG_INFINITY, f32::max) - low
    };
    side(|point| point.x).max(side(|point| point.y))
}

/// The centre of ink that lies evenly along the paths.
fn centre_of_mass(paths: &[Vec<Point>]) -> Point {
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for line in paths.iter().flat_map(|path| path.windows(2)) {
        let long = line[0].distance(line[1]);
        mass += long;
        x += long * 0.5 * (line[0].x + line[1].x);
        y += long * 0.5 * (line[0].y + line[1].y);
    }
    Point {
        x: x / mass,
        y: y / mass,
    }
}

/// Draws the paths, the pen pressing harder or softer along each.
fn ink(draws: &mut Draws, paths: &[Vec<Point>]) -> [u8; DIGIT_LEN] {
    let radius = draws.between(spread::RADIUS.0, spread::RADIUS.1);
    let softness = draws.between(spread::SOFTNESS.0, spread::SOFTNESS.1);
    let brightness = draws.between(spread::BRIGHTNESS.0, spread::BRIGHTNESS.1);
    let mut page = Page::<SIDE>::blank();
    for path in paths {
        let press = draws.between(-0.2, 0.2);
        for (index, line) in path.windows(2).enumerate() {
            let along = index as f32 / path.len() as f32 - 0.5;
            let radius = radius * (1.0 + press * 2.0 * along);
            page.line(Pen { radius, softness }, line[0], line[1]);
        }
    }
    let mut pixels = [0; DIGIT_LEN];
    for (pixel, ink) in pixels.iter_mut().zip(page.ink()) {
        *pixel = (255.0 * brightness * ink + 0.5) as u8;
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::sha256_hex;

    fn few(seed: u64, train: usize, test: usize) -> DataSet {
        SyntheticDigits { seed, train, test }.draw().unwrap()
    }

    /// The bits must never drift: checkpoints and scores refer to data by hash.
    #[test]
    fn the_first_hundred_digits_are_pinned() {
        let set = few(0, 100, 100);
        assert_eq!(
            sha256_hex(set.train().images().pixels()),
            "3d6940bd4deb4a3d53592c8b7e42082ddd0ebf53ab4a08296453ddc055d290ef"
        );
        assert_eq!(
            sha256_hex(set.test().images().pixels()),
            "17721decccbd00c3a77a90a110343d59b8c8bba6ff4db4ee30bcb2d0873f8516"
        );
        assert_eq!(
            set.train().labels().values()[..10],
            [2, 8, 3, 6, 9, 5, 4, 7, 0, 1]
        );
    }

    #[test]
    fn a_digit_depends_on_seed_index_and_class() {
        let digit = draw_digit(3, 14, 5);
        assert_eq!(digit, draw_digit(3, 14, 5));
        for other in [
            draw_digit(4, 14, 5),
            draw_digit(3 + (1 << 32), 14, 5),
            draw_digit(3, 15, 5),
            draw_digit(3, 14, 6),
        ] {
            assert_ne!(digit, other);
        }
    }

    #[test]
    fn a_smaller_set_is_the_beginning_of_a_larger_one() {
        let small = few(1, 30, 10);
        let large = few(1, 60, 20);
        assert_eq!(large.train().part(0..30).as_ref(), Some(small.train()));
        assert_eq!(large.test().part(0..10).as_ref(), Some(small.test()));
    }

    #[test]
    fn every_ten_digits_are_one_of_each_class_in_changing_order() {
        let set = few(2, 200, 10);
        let labels = set.train().labels().values();
        for ten in labels.chunks(10) {
            let mut sorted = ten.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
        assert!(labels.chunks(10).any(|ten| ten != &labels[..10]));
    }

    #[test]
    fn classes_are_ten_however_few_the_digits() {
        assert_eq!(few(0, 1, 1).classes(), 10);
        assert_eq!(
            SyntheticDigits {
                seed: 0,
                train: 1,
                test: 0
            }
            .draw(),
            Err(SetError::NoImages)
        );
    }

    #[test]
    fn no_two_digits_are_the_same() {
        let set = few(0, 1000, 1000);
        let images = |part: &Labelled| -> Vec<Vec<u8>> {
            let pixels = part.images().pixels().chunks(DIGIT_LEN);
            pixels.map(<[u8]>::to_vec).collect()
        };
        let mut all = [images(set.train()), images(set.test())].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn every_digit_has_a_sane_amount_of_ink_near_the_middle() {
        let set = few(7, 2000, 1);
        for pixels in set.train().images().pixels().chunks(DIGIT_LEN) {
            let ink: f64 = pixels.iter().map(|&pixel| f64::from(pixel)).sum();
            let share = ink / (255.0 * DIGIT_LEN as f64);
            assert!((0.01..0.45).contains(&share), "{share}");
            assert!(pixels.iter().max() >= Some(&120), "faint");
            let centre = |place: fn(usize) -> usize| {
                let moments = pixels.iter().enumerate();
                let sum: f64 = moments
                    .map(|(at, &p)| place(at) as f64 * f64::from(p))
                    .sum();
                sum / ink
            };
            for place in [centre(|at| at % SIDE), centre(|at| at / SIDE)] {
                assert!((9.5..17.5).contains(&place), "{place}");
            }
        }
    }

    /// MNIST's own mean is 0.131 and its deviation 0.308.
    #[test]
    fn pixel_statistics_are_like_mnists() {
        let set = few(0, 2000, 1);
        let pixels = set.train().images().pixels();
        let scaled = || pixels.iter().map(|&pixel| f64::from(pixel) / 255.0);
        let count = pixels.len() as f64;
        let mean = scaled().sum::<f64>() / count;
        let variance = scaled()
            .map(|pixel| (pixel - mean) * (pixel - mean))
            .sum::<f64>()
            / count;
        assert!((0.10..0.15).contains(&mean), "{mean}");
        assert!(
            (0.25..0.33).contains(&variance.sqrt()),
            "{}",
            variance.sqrt()
        );
    }

    #[test]
    fn every_style_of_a_digit_is_drawn() {
        for styles in DIGITS {
            let drawn = |style: &Style| {
                (0..300).any(|index| {
                    std::ptr::eq(pick_style(&mut Draws::new(0, index, SHAPE), styles), style)
                })
            };
            assert!(styles.iter().all(drawn));
        }
    }
}
