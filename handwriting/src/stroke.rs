//! How wide strokes are, and making thin ones wider.

use crate::plane::Plane;

/// Outlines of pixels are longer than what they outline by this factor, on average over all
/// directions: 4/π.
const STAIRS: f32 = 1.273_24;

/// The mean width in pixels of strokes at least as dark as `least`: twice the area by the length of
/// its outline. None where there are no strokes.
pub(crate) fn width(ink: &Plane, least: f32) -> Option<f32> {
    let is_inside = |x: usize, y: usize| ink.at(x, y) >= least;
    let (mut area, mut outline) = (0_usize, 0_usize);
    for y in 0..ink.height() {
        for x in 0..ink.width() {
            if !is_inside(x, y) {
                continue;
            }
            area += 1;
            outline += usize::from(x == 0 || !is_inside(x - 1, y));
            outline += usize::from(x + 1 == ink.width() || !is_inside(x + 1, y));
            outline += usize::from(y == 0 || !is_inside(x, y - 1));
            outline += usize::from(y + 1 == ink.height() || !is_inside(x, y + 1));
        }
    }
    (area > 0).then(|| 2.0 * STAIRS * area as f32 / outline as f32)
}

/// The same ink with each stroke wider by `radius` on both sides, in a picture that is larger by
/// `radius` on all sides.
pub(crate) fn widened(ink: &Plane, radius: usize) -> Plane {
    let disc = disc(radius);
    let [width, height] = [ink.width(), ink.height()].map(|side| side + 2 * radius);
    let darkest = |x: usize, y: usize| {
        let around = disc.iter().filter_map(|(right, down)| {
            // Column and row in the old picture, 2 × radius too far to the right and down.
            let column = (x + right).checked_sub(2 * radius)?;
            let row = (y + down).checked_sub(2 * radius)?;
            (column < ink.width() && row < ink.height()).then(|| ink.at(column, row))
        });
        around.fold(0.0, f32::max)
    };
    Plane::new(width, height, darkest)
}

/// All offsets from the upper left corner of the square around a disc.
fn disc(radius: usize) -> Vec<(usize, usize)> {
    let reach = radius * radius + radius / 2;
    let all = (0..=2 * radius).flat_map(|x| (0..=2 * radius).map(move |y| (x, y)));
    all.filter(|(x, y)| x.abs_diff(radius).pow(2) + y.abs_diff(radius).pow(2) <= reach)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(width: usize) -> Plane {
        Plane::new(60, 60, |x, y| {
            f32::from((20..20 + width).contains(&x) && (5..55).contains(&y))
        })
    }

    #[test]
    fn widths_are_about_right_straight_and_slanted() {
        for wide in [1, 2, 4, 8] {
            let found = width(&bar(wide), 0.5).unwrap() / wide as f32;
            assert!((0.9..1.3).contains(&found), "{wide}: {found}");
        }
        let slanted = Plane::new(80, 80, |x, y| f32::from(x.abs_diff(y) <= 4));
        let found = width(&slanted, 0.5).unwrap() / (9.0 / 2.0_f32.sqrt());
        assert!((0.8..1.2).contains(&found), "{found}");
        assert_eq!(width(&bar(3), 2.0), None);
    }

    #[test]
    fn widening_adds_on_both_sides() {
        let wide = widened(&bar(3), 2);
        assert_eq!((wide.width(), wide.height()), (64, 64));
        let inked: Vec<usize> = (0..64).filter(|x| wide.at(*x, 30) > 0.0).collect();
        assert_eq!(inked, [20, 21, 22, 23, 24, 25, 26]);
        assert_eq!(widened(&bar(3), 0), bar(3));
    }
}
