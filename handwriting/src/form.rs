//! MNIST's form of a digit: fitted into 20×20, centred by mass in 28×28, strokes as wide as there.

use crate::{
    component::around,
    digit::Group,
    ink::{self, Level},
    plane::Plane,
    stroke,
};

/// Rows and columns of a digit as a model sees it.
pub const SIDE: usize = 28;
/// The longer side of the ink in it.
pub const FITTED: usize = 20;
/// The longer side at which strokes are measured.
const FINE: usize = 4 * FITTED;
/// Strokes thinner than this at that size are widened to it: a fine pen would leave next to nothing
/// at 20 pixels, and MNIST's strokes are two to three pixels wide.
const THIN: f32 = 6.0;

/// A digit's ink cut out of the picture, from 0 to 1, as it is in its own area. What is near it but
/// belongs to another digit is not in it.
pub(crate) fn cut_out(darkness: &Plane, level: &Level, group: &Group) -> Plane {
    let own = own_level(darkness, level, group);
    let area = group.area;
    let mut is_own = vec![false; area.width() * area.height()];
    // With the pale edge around its pixels.
    for pixel in group
        .pixels
        .iter()
        .flat_map(|pixel| around(darkness, *pixel))
    {
        let (x, y) = (pixel % darkness.width(), pixel / darkness.width());
        if (area.left..area.right).contains(&x) && (area.top..area.bottom).contains(&y) {
            is_own[(y - area.top) * area.width() + x - area.left] = true;
        }
    }
    Plane::new(area.width(), area.height(), |x, y| {
        let ink = own.share(darkness.at(area.left + x, area.top + y));
        if is_own[y * area.width() + x] {
            ink
        } else {
            0.0
        }
    })
}

/// The picture's level with this digit's own ink, which may be paler than its neighbours'.
fn own_level(darkness: &Plane, level: &Level, group: &Group) -> Level {
    let values = group.pixels.iter().map(|pixel| darkness.values()[*pixel]);
    Level {
        ink: ink::usual_ink(values).unwrap_or(level.ink),
        ..*level
    }
}

/// The ink with its longer side scaled to 20 pixels, strokes no thinner than MNIST's.
pub(crate) fn fitted(ink: &Plane) -> Plane {
    let fine = with_longest(ink, FINE);
    let width = stroke::width(&fine, 0.5).unwrap_or(THIN);
    let missing = ((THIN - width) / 2.0).round().max(0.0) as usize;
    let wide = if missing == 0 {
        fine
    } else {
        stroke::widened(&fine, missing)
    };
    with_longest(&wide, FITTED)
}

fn with_longest(plane: &Plane, longest: usize) -> Plane {
    let scale = longest as f32 / plane.longest() as f32;
    let side = |length: usize| ((length as f32 * scale).round() as usize).clamp(1, longest);
    plane.scaled(side(plane.width()), side(plane.height()))
}

/// In 28×28 with its centre of mass in the middle, as far as that keeps all ink inside.
pub(crate) fn centred(fitted: &Plane) -> Plane {
    let (mut mass, mut across, mut down) = (0.0, 0.0, 0.0);
    for y in 0..fitted.height() {
        for x in 0..fitted.width() {
            let ink = fitted.at(x, y);
            mass += ink;
            across += ink * (x as f32 + 0.5);
            down += ink * (y as f32 + 0.5);
        }
    }
    let middle = SIDE as f32 / 2.0;
    let place = |moment: f32, length: usize| {
        let offset = (middle - moment / mass).round().max(0.0) as usize;
        offset.min(SIDE - length)
    };
    laid(
        fitted,
        SIDE,
        place(across, fitted.width()),
        place(down, fitted.height()),
    )
}

/// In the middle of 20×20.
pub(crate) fn framed(fitted: &Plane) -> Plane {
    let offset = |length: usize| (FITTED - length) / 2;
    laid(
        fitted,
        FITTED,
        offset(fitted.width()),
        offset(fitted.height()),
    )
}

fn laid(plane: &Plane, side: usize, left: usize, top: usize) -> Plane {
    Plane::new(side, side, |x, y| {
        let place = x.checked_sub(left).zip(y.checked_sub(top));
        let inside = place.filter(|(x, y)| *x < plane.width() && *y < plane.height());
        inside.map_or(0.0, |(x, y)| plane.at(x, y))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The area with ink of at least one half.
    fn bounds(plane: &Plane) -> [usize; 4] {
        let inked = |(x, y): &(usize, usize)| plane.at(*x, *y) >= 0.5;
        let all = (0..plane.height()).flat_map(|y| (0..plane.width()).map(move |x| (x, y)));
        let inked: Vec<_> = all.filter(inked).collect();
        let [columns, rows] = [
            inked.iter().map(|(x, _)| *x).collect::<Vec<_>>(),
            inked.iter().map(|(_, y)| *y).collect::<Vec<_>>(),
        ];
        [
            *columns.iter().min().unwrap(),
            *columns.iter().max().unwrap(),
            *rows.iter().min().unwrap(),
            *rows.iter().max().unwrap(),
        ]
    }

    #[test]
    fn the_longer_side_is_fitted_and_the_shape_kept() {
        for (width, height, expected) in [
            (40, 80, (10, 20)),
            (300, 150, (20, 10)),
            (10, 10, (20, 20)),
            (1, 400, (1, 20)),
        ] {
            let fitted = fitted(&Plane::new(width, height, |_, _| 1.0));
            assert_eq!(
                (fitted.width(), fitted.height()),
                expected,
                "{width} x {height}"
            );
        }
    }

    #[test]
    fn mass_is_centred_not_the_frame() {
        // Heavy on the left.
        let plane = Plane::new(20, 20, |x, _| if x < 4 { 1.0 } else { 0.05 });
        assert_eq!(bounds(&centred(&plane)), [8, 11, 4, 23]);
        assert_eq!(
            bounds(&framed(&Plane::new(6, 20, |_, _| 1.0))),
            [7, 12, 0, 19]
        );
    }

    #[test]
    fn thin_strokes_become_as_wide_as_mnists() {
        let circle = |width: f32| {
            Plane::new(200, 200, move |x, y| {
                let (x, y) = (x as f32 - 99.5, y as f32 - 99.5);
                f32::from(((x * x + y * y).sqrt() - 90.0).abs() < width / 2.0)
            })
        };
        let width = |plane: &Plane| stroke::width(&fitted(plane), 0.5).unwrap();
        assert!(width(&circle(2.0)) > 1.4, "a fine pen");
        let broad = circle(22.0);
        assert_eq!(
            fitted(&broad),
            with_longest(&with_longest(&broad, FINE), FITTED)
        );
    }
}
