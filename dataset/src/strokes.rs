//! How people write the ten digits: for each a few styles, for each style its pen strokes.
//! It does not know how a stroke is bent, inked or placed.
//!
//! A stroke runs through its knots in a box 60 wide and 100 high, x to the right, y down.

/// A point that a stroke passes through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// Whether the pen turns on the spot here instead of running smoothly through.
    pub(crate) corner: bool,
}

/// The way of the pen from touching the paper to leaving it.
pub(crate) type Stroke = &'static [Knot];

/// One way to write a digit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// How common it is among the styles of its digit.
    pub(crate) weight: u32,
    pub(crate) strokes: &'static [Stroke],
}

/// A knot that the pen runs smoothly through.
const fn s(x: i8, y: i8) -> Knot {
    Knot {
        x: x as f32,
        y: y as f32,
        corner: false,
    }
}

/// A knot where the pen turns.
const fn c(x: i8, y: i8) -> Knot {
    Knot {
        corner: true,
        ..s(x, y)
    }
}

const fn style(weight: u32, strokes: &'static [Stroke]) -> Style {
    Style { weight, strokes }
}

/// The styles of each digit.
pub(crate) const DIGITS: [&[Style]; 10] = [
    ZEROS, ONES, TWOS, THREES, FOURS, FIVES, SIXES, SEVENS, EIGHTS, NINES,
];

#[rustfmt::skip]
const ZEROS: &[Style] = &[
    // Upright oval.
    style(5, &[&[s(34, 2), s(14, 12), s(4, 45), s(9, 80), s(29, 98), s(50, 84), s(57, 50), s(50, 15), s(32, 2), s(22, 6)]]),
    // Narrow.
    style(3, &[&[s(42, 6), s(24, 8), s(12, 45), s(16, 86), s(31, 98), s(44, 82), s(49, 45), s(42, 13), s(31, 3)]]),
    // Wide and round, begun at the left.
    style(3, &[&[s(14, 14), s(0, 48), s(12, 84), s(36, 96), s(62, 78), s(68, 45), s(54, 12), s(30, 3), s(10, 20)]]),
    // Leaning, its end inside.
    style(2, &[&[s(48, 4), s(24, 14), s(6, 54), s(10, 92), s(30, 94), s(52, 58), s(56, 18), s(44, 4), s(34, 14)]]),
    // Lying.
    style(2, &[&[s(40, 20), s(10, 28), s(2, 60), s(26, 82), s(58, 72), s(70, 42), s(52, 20), s(32, 20)]]),
];

#[rustfmt::skip]
const ONES: &[Style] = &[
    // A line.
    style(6, &[&[c(30, 0), s(29, 50), c(30, 100)]]),
    // With a flag.
    style(3, &[&[c(20, 16), c(34, 0), c(34, 100)]]),
    // With flag and foot.
    style(2, &[&[c(17, 20), c(33, 0), c(33, 98)], &[c(12, 99), c(54, 98)]]),
    // Leaning.
    style(3, &[&[c(42, 0), s(30, 52), c(20, 100)]]),
];

#[rustfmt::skip]
const TWOS: &[Style] = &[
    // Flat base.
    style(4, &[&[s(6, 26), s(14, 8), s(32, 1), s(52, 14), s(50, 36), s(32, 64), c(6, 97), c(60, 96)]]),
    // Looped base.
    style(4, &[&[s(8, 22), s(24, 4), s(46, 6), s(54, 26), s(42, 54), s(20, 86), s(6, 94), s(4, 82), s(18, 78), s(38, 94), s(60, 92)]]),
    // Waved base.
    style(3, &[&[s(8, 14), s(30, 2), s(50, 14), s(46, 38), s(26, 68), c(4, 96), s(22, 90), s(42, 97), s(60, 91)]]),
    // Small head, long neck.
    style(2, &[&[s(12, 20), s(22, 3), s(40, 6), s(42, 26), s(26, 60), c(4, 92), s(30, 92), c(62, 98)]]),
    // A wide loop and a falling tail.
    style(3, &[&[s(14, 16), s(36, 2), s(54, 18), s(46, 50), s(24, 84), s(6, 92), s(0, 76), s(16, 66), s(40, 80), s(68, 97)]]),
];

#[rustfmt::skip]
const THREES: &[Style] = &[
    // Two bows.
    style(5, &[&[s(8, 14), s(28, 1), s(50, 10), s(48, 32), c(26, 46), s(50, 54), s(56, 76), s(38, 97), s(14, 96), s(2, 84)]]),
    // Flat top.
    style(2, &[&[c(8, 4), c(52, 3), c(26, 40), s(50, 50), s(56, 74), s(36, 97), s(6, 90)]]),
    // A loop in the middle.
    style(3, &[&[s(6, 16), s(28, 2), s(48, 14), s(42, 38), s(24, 48), s(18, 43), s(28, 43), s(50, 58), s(50, 84), s(26, 98), s(2, 88)]]),
    // Small head, large belly.
    style(2, &[&[s(14, 10), s(32, 1), s(46, 12), s(40, 28), c(24, 38), s(52, 46), s(60, 72), s(38, 98), s(4, 92)]]),
];

#[rustfmt::skip]
const FOURS: &[Style] = &[
    // Open, with corners.
    style(4, &[&[c(14, 2), s(10, 30), c(6, 58), c(62, 55)], &[c(48, 18), s(46, 60), c(44, 100)]]),
    // Closed, in one stroke.
    style(3, &[&[c(46, 100), c(44, 0), c(4, 66), c(64, 64)]]),
    // Open and round, like a y.
    style(4, &[&[s(12, 4), s(6, 34), s(14, 54), s(34, 54), c(50, 42)], &[c(52, 2), s(49, 44), c(44, 100)]]),
    // Closed at the top, two strokes.
    style(2, &[&[c(36, 2), s(20, 30), c(2, 62), c(62, 60)], &[c(40, 8), c(42, 100)]]),
];

#[rustfmt::skip]
const FIVES: &[Style] = &[
    // In one stroke from the top right.
    style(4, &[&[c(54, 3), c(16, 3), c(11, 42), s(32, 36), s(54, 52), s(52, 80), s(30, 98), s(4, 90)]]),
    // The bar last.
    style(4, &[&[c(16, 5), c(12, 44), s(34, 38), s(54, 56), s(48, 86), s(24, 98), s(4, 90)], &[c(16, 4), c(60, 2)]]),
    // Without corners, like an S.
    style(3, &[&[s(56, 5), s(28, 5), s(12, 20), s(16, 40), s(40, 52), s(52, 72), s(38, 94), s(6, 92)]]),
    // Long bar, small belly.
    style(2, &[&[c(62, 2), c(20, 6), c(16, 48), s(36, 50), s(44, 70), s(32, 94), s(8, 96)]]),
];

#[rustfmt::skip]
const SIXES: &[Style] = &[
    // A bow and a loop.
    style(5, &[&[s(46, 2), s(22, 22), s(6, 60), s(14, 92), s(38, 97), s(52, 78), s(42, 58), s(22, 60), s(8, 78)]]),
    // Straight stem.
    style(3, &[&[s(38, 0), s(14, 46), s(4, 76), s(18, 97), s(44, 92), s(50, 70), s(32, 58), s(10, 72)]]),
    // Curled at the top.
    style(3, &[&[s(54, 12), s(38, 2), s(16, 18), s(4, 58), s(14, 92), s(38, 97), s(54, 78), s(42, 54), s(20, 58), s(6, 74)]]),
    // Small loop.
    style(2, &[&[s(30, 0), s(10, 44), s(6, 84), s(24, 98), s(44, 88), s(36, 70), s(18, 76), s(10, 88)]]),
    // The loop to the right of the stem.
    style(2, &[&[s(18, 3), s(3, 44), s(10, 88), s(40, 98), s(64, 80), s(56, 56), s(38, 60), s(30, 82)]]),
];

#[rustfmt::skip]
const SEVENS: &[Style] = &[
    // Plain.
    style(5, &[&[c(4, 5), c(56, 4), s(36, 46), c(22, 100)]]),
    // With a bar.
    style(3, &[&[c(4, 5), c(56, 4), s(38, 46), c(24, 100)], &[c(16, 52), c(56, 48)]]),
    // With a serif.
    style(3, &[&[c(5, 28), c(7, 5), c(58, 3), s(38, 44), c(30, 100)]]),
    // The top waved.
    style(3, &[&[s(2, 12), s(18, 3), s(36, 8), c(58, 4), s(42, 40), c(32, 100)]]),
];

#[rustfmt::skip]
const EIGHTS: &[Style] = &[
    // In one stroke from the top right.
    style(5, &[&[s(50, 14), s(30, 1), s(10, 14), s(14, 34), s(34, 48), s(54, 68), s(46, 92), s(26, 99), s(6, 86), s(10, 64), s(32, 46), s(48, 30), s(48, 12), s(38, 3)]]),
    // Two rings.
    style(3, &[&[s(30, 2), s(11, 14), s(13, 36), s(30, 46), s(47, 36), s(49, 14), s(28, 2)], &[s(30, 46), s(8, 60), s(6, 84), s(28, 99), s(52, 86), s(52, 60), s(28, 46)]]),
    // Slim, from the middle.
    style(3, &[&[s(36, 42), s(18, 30), s(18, 8), s(34, 1), s(46, 12), s(40, 34), s(18, 62), s(12, 88), s(28, 99), s(44, 86), s(42, 60), s(26, 38)]]),
];

#[rustfmt::skip]
const NINES: &[Style] = &[
    // Straight stem.
    style(4, &[&[s(50, 14), s(32, 2), s(8, 16), s(8, 42), s(28, 52), s(46, 38), c(52, 8), c(48, 100)]]),
    // Curled tail.
    style(3, &[&[s(50, 18), s(32, 2), s(9, 16), s(10, 42), s(32, 50), s(48, 32), c(51, 8), s(53, 50), s(44, 86), s(24, 98), s(6, 88)]]),
    // Leaning.
    style(3, &[&[s(50, 18), s(34, 3), s(10, 20), s(10, 44), s(30, 46), c(52, 10), s(42, 52), c(24, 100)]]),
    // Small ring, long tail.
    style(2, &[&[s(46, 10), s(28, 2), s(12, 16), s(16, 36), s(34, 38), c(48, 8), s(46, 60), c(42, 100)]]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stroke_fits_the_box_and_goes_somewhere() {
        for style in DIGITS.into_iter().flatten() {
            assert!(style.weight > 0 && !style.strokes.is_empty());
            for stroke in style.strokes {
                assert!(stroke.len() >= 2);
                for knot in *stroke {
                    assert!((0.0..=70.0).contains(&knot.x), "{knot:?}");
                    assert!((0.0..=100.0).contains(&knot.y), "{knot:?}");
                }
            }
        }
    }
}
