//! The paper under the ink: which side of it the ink is on, how bright it is at each place, and the
//! picture as it would be if it were equally bright everywhere.

use crate::{ink, plane::Plane, stroke, surface};

/// Longest side at which the paper is looked at: shading is smooth.
const LONGEST: usize = 128;
/// A window as wide as two of these parts of the longest side holds some paper in any picture of a
/// single digit.
const WIDEST: usize = 5;
/// Half a window in widths of a stroke: no stroke, nor a blot where strokes cross, may fill it.
const STROKES: f32 = 3.0;
/// Skewness of the brightness from where on it leans: that of ink on two fifths of the picture, which
/// no drawing reaches. Grain and shading alone stay well below.
const LEANING: f64 = 0.4;
/// Paper darker than this is not believed: what is divided by it would be noise.
const DARKEST: f32 = 0.25;

/// How much darker than its paper each pixel is, from 0 to 1, whatever the light: light on dark is
/// turned round first.
pub(crate) fn darkness(lightness: &Plane) -> Plane {
    let dark_on_light = if is_light_on_dark(lightness) {
        lightness.map(|value| 1.0 - value)
    } else {
        lightness.clone()
    };
    let small = shrunk(&dark_on_light);
    // Without the smooth part of the shading first: at a picture's edge, the brightest around lies
    // always further in, which is too bright where the light falls off outwards.
    let surface = surface::fitted(&small).map(|value| value.max(DARKEST));
    let level = small.over(&surface);
    let paper = |radius: usize| closed(&level, radius).times(&surface);
    let widest = (small.longest() / WIDEST).max(2);
    let first = divided(&dark_on_light, &paper(widest));
    // A second look through a window no wider than the strokes need follows narrower shadows.
    match stroke_width(&shrunk(&first)).map(|width| ((width * STROKES) as usize).max(2)) {
        Some(radius) if radius < widest => divided(&dark_on_light, &paper(radius)),
        _ => first,
    }
}

/// Ink is the rarer of two: where brightness leans clearly to the bright side of its surroundings'
/// mean, it is the bright one.
fn is_light_on_dark(lightness: &Plane) -> bool {
    let small = shrunk(lightness);
    let mean = small.mean_around(small.longest() / 4);
    let (mut squares, mut cubes) = (0.0_f64, 0.0_f64);
    for (value, mean) in small.values().iter().zip(mean.values()) {
        let difference = f64::from(value - mean);
        squares += difference * difference;
        cubes += difference * difference * difference;
    }
    let count = small.values().len() as f64;
    let spread = (squares / count).sqrt();
    cubes / count > LEANING * spread * spread * spread
}

fn shrunk(plane: &Plane) -> Plane {
    let longest = plane.longest();
    if longest <= LONGEST {
        return plane.clone();
    }
    let side = |length: usize| (length * LONGEST).div_ceil(longest);
    plane.scaled(side(plane.width()), side(plane.height()))
}

/// The paper's brightness: the brightest around, but no further than brightness reaches (a
/// morphological closing), so that the edge of a shadow stays where it is.
fn closed(small: &Plane, radius: usize) -> Plane {
    small
        .greatest_around(radius)
        .smallest_around(radius)
        .mean_around(1)
}

fn divided(lightness: &Plane, paper: &Plane) -> Plane {
    let across = paper.width() as f32 / lightness.width() as f32;
    let down = paper.height() as f32 / lightness.height() as f32;
    Plane::new(lightness.width(), lightness.height(), |x, y| {
        let paper = paper.between((x as f32 + 0.5) * across, (y as f32 + 0.5) * down);
        ((paper - lightness.at(x, y)) / paper.max(DARKEST)).clamp(0.0, 1.0)
    })
}

/// The mean width of strokes, in pixels; none without ink.
fn stroke_width(darkness: &Plane) -> Option<f32> {
    let level = ink::level(darkness)?;
    stroke::width(darkness, level.half())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Photo;

    #[test]
    fn ink_is_the_rarer_of_two_whatever_the_light() {
        for light in [Photo::even(), Photo::slanted(), Photo::shadowed()] {
            let photo = light.with_digit(5, 60, 60, 90);
            assert!(!is_light_on_dark(&photo.lightness()));
            assert!(is_light_on_dark(
                &photo.lightness().map(|value| 1.0 - value)
            ));
        }
    }

    #[test]
    fn paper_comes_out_even_and_ink_stays() {
        for light in [Photo::even(), Photo::slanted(), Photo::shadowed()] {
            let darkness = darkness(&light.lightness());
            let darkest = darkness.values().iter().copied().fold(0.0, f32::max);
            assert!(darkest < 0.25, "blank paper: {darkest}");
            let darkness = super::darkness(&light.with_digit(3, 60, 60, 90).lightness());
            let darkest = darkness.values().iter().copied().fold(0.0, f32::max);
            assert!(darkest > 0.6, "ink: {darkest}");
        }
    }
}
