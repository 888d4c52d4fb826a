//! Ink that hangs together, pixel by pixel, also across corners.

use crate::{ink::Level, plane::Plane};

/// The pixels in `left..right`, `top..bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// The column after the last.
    pub right: usize,
    /// The row after the last.
    pub bottom: usize,
}

impl Area {
    /// A single pixel.
    pub(crate) fn pixel(x: usize, y: usize) -> Self {
        Self {
            left: x,
            top: y,
            right: x + 1,
            bottom: y + 1,
        }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// The longer side.
    pub(crate) fn longest(&self) -> usize {
        self.width().max(self.height())
    }

    /// The smallest area around both.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// Pixels that hang together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Component {
    pub(crate) area: Area,
    /// Its pixels' places in the picture.
    pub(crate) pixels: Vec<usize>,
    /// How many of its pixels lie at the picture's edge.
    pub(crate) at_edge: usize,
    /// Its darkest pixel.
    darkest: f32,
}

/// All ink that hangs together and is dark somewhere, from the top down.
pub(crate) fn components(darkness: &Plane, level: &Level) -> Vec<Component> {
    let mut is_open: Vec<bool> = darkness
        .values()
        .iter()
        .map(|value| *value > level.faint)
        .collect();
    let mut found = Vec::new();
    for start in 0..is_open.len() {
        if is_open[start] {
            let component = filled(darkness, &mut is_open, start);
            if component.darkest >= level.half() {
                found.push(component);
            }
        }
    }
    found
}

/// Takes all that hangs together with `start` out of what is open.
fn filled(darkness: &Plane, is_open: &mut [bool], start: usize) -> Component {
    let width = darkness.width();
    let mut component = Component {
        area: Area::pixel(start % width, start / width),
        pixels: vec![start],
        at_edge: 0,
        darkest: 0.0,
    };
    is_open[start] = false;
    let mut looked_at = 0;
    while let Some(pixel) = component.pixels.get(looked_at).copied() {
        looked_at += 1;
        component.take_in(darkness, pixel);
        for next in around(darkness, pixel) {
            if is_open[next] {
                is_open[next] = false;
                component.pixels.push(next);
            }
        }
    }
    component
}

impl Component {
    fn take_in(&mut self, darkness: &Plane, pixel: usize) {
        let (x, y) = (pixel % darkness.width(), pixel / darkness.width());
        let is_at_edge =
            x == 0 || y == 0 || x + 1 == darkness.width() || y + 1 == darkness.height();
        self.area = self.area.with(Area::pixel(x, y));
        self.at_edge += usize::from(is_at_edge);
        self.darkest = self.darkest.max(darkness.values()[pixel]);
    }
}

/// A pixel and those that touch it.
pub(crate) fn around(plane: &Plane, pixel: usize) -> impl Iterator<Item = usize> {
    let width = plane.width();
    let (x, y) = (pixel % width, pixel / width);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let rows = y.saturating_sub(1)..(y + 2).min(plane.height());
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level {
        paper: 0.0,
        ink: 1.0,
        faint: 0.3,
    };

    fn drawn(rows: &[&str]) -> Plane {
        Plane::new(rows[0].len(), rows.len(), |x, y| {
            match rows[y].as_bytes()[x] {
                b'#' => 1.0,
                b'+' => 0.4,
                _ => 0.0,
            }
        })
    }

    #[test]
    fn corners_and_pale_pixels_hold_together() {
        let plane = drawn(&["#..##", ".#..#", "..+..", "#..#."]);
        let found = components(&plane, &LEVEL);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].area.width(), found[0].area.height()), (4, 4));
        assert_eq!((found[0].pixels.len(), found[0].at_edge), (4, 2));
        assert_eq!(
            found[1].area,
            Area {
                left: 3,
                top: 0,
                right: 5,
                bottom: 2
            }
        );
        assert_eq!(found[2].area, Area::pixel(0, 3));
    }

    #[test]
    fn what_is_pale_everywhere_is_no_ink() {
        assert_eq!(
            components(&drawn(&["++.", "++.", "..#"]), &LEVEL).len(),
            2 - 1
        );
    }
}
