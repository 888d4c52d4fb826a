//! A smooth surface laid over the paper: its brightness as a polynomial of second degree in column and
//! row, fitted so that ink, which is far from it, does not pull it down.

use crate::plane::Plane;

/// 1, x, y, x², xy, y².
const TERMS: usize = 6;
/// Fits, each with weights from the one before.
const ROUNDS: usize = 6;
/// A pixel this far from the surface has half a say.
const FAR: f64 = 0.04;
/// Keeps the equations solvable in pictures of a single row or column.
const RIDGE: f64 = 1e-6;

/// The brightness of the paper at each pixel, roughly.
pub(crate) fn fitted(lightness: &Plane) -> Plane {
    let mut weights = vec![1.0; lightness.values().len()];
    let mut surface = lightness.clone();
    for _ in 0..ROUNDS {
        surface = laid(lightness, &coefficients(lightness, &weights));
        let pairs = lightness.values().iter().zip(surface.values());
        let far = pairs.map(|(value, expected)| f64::from(value - expected) / FAR);
        weights = far.map(|far| 1.0 / (1.0 + far * far)).collect();
    }
    surface
}

fn laid(plane: &Plane, coefficients: &[f64; TERMS]) -> Plane {
    Plane::new(plane.width(), plane.height(), |x, y| {
        let terms = terms(plane, x, y);
        let sum = terms
            .iter()
            .zip(coefficients)
            .fold(0.0, |sum, (term, coefficient)| sum + term * coefficient);
        sum as f32
    })
}

/// The terms at a pixel, whose place goes from −1 to 1.
fn terms(plane: &Plane, x: usize, y: usize) -> [f64; TERMS] {
    let place = |at: usize, length: usize| (2 * at + 1) as f64 / length as f64 - 1.0;
    let (x, y) = (place(x, plane.width()), place(y, plane.height()));
    [1.0, x, y, x * x, x * y, y * y]
}

/// The weighted least squares.
fn coefficients(plane: &Plane, weights: &[f64]) -> [f64; TERMS] {
    let mut equations = [[0.0; TERMS + 1]; TERMS];
    for (index, weight) in weights.iter().enumerate() {
        let terms = terms(plane, index % plane.width(), index / plane.width());
        let value = f64::from(plane.values()[index]);
        for (row, term) in equations.iter_mut().zip(terms) {
            for (cell, other) in row.iter_mut().zip(terms) {
                *cell += weight * term * other;
            }
            row[TERMS] += weight * term * value;
        }
    }
    for (index, row) in equations.iter_mut().enumerate() {
        row[index] += RIDGE;
    }
    solved(equations)
}

/// Gauss–Jordan elimination; the matrix is symmetric and positive, so that no row need be swapped.
fn solved(mut equations: [[f64; TERMS + 1]; TERMS]) -> [f64; TERMS] {
    for pivot in 0..TERMS {
        let scale = equations[pivot][pivot];
        equations[pivot].iter_mut().for_each(|cell| *cell /= scale);
        let by = equations[pivot];
        for (_, row) in equations
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| *index != pivot)
        {
            let factor = row[pivot];
            for (cell, other) in row.iter_mut().zip(by) {
                *cell -= factor * other;
            }
        }
    }
    equations.map(|row| row[TERMS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shading_is_found_and_ink_does_not_pull_it_down() {
        let shading = |x: usize, y: usize| {
            let (x, y) = (x as f32 / 100.0, y as f32 / 100.0);
            0.9 - 0.3 * x - 0.1 * y - 0.2 * x * x + 0.1 * x * y
        };
        let is_ink = |x: usize, y: usize| (30..45).contains(&x) && (10..70).contains(&y);
        let plane = Plane::new(100, 80, |x, y| {
            shading(x, y) * if is_ink(x, y) { 0.2 } else { 1.0 }
        });
        let surface = fitted(&plane);
        for (x, y) in [(0, 0), (99, 79), (40, 40), (99, 0), (0, 79)] {
            assert!((surface.at(x, y) - shading(x, y)).abs() < 0.01, "{x} {y}");
        }
    }

    #[test]
    fn the_smallest_pictures_have_one() {
        for (width, height) in [(1, 1), (1, 9), (9, 1)] {
            let surface = fitted(&Plane::new(width, height, |_, _| 0.7));
            assert!(
                surface
                    .values()
                    .iter()
                    .all(|value| (value - 0.7).abs() < 1e-3)
            );
        }
    }
}
