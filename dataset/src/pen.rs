//! Turns pen strokes into grey pixels: smooth paths through knots, and ink with soft edges along them.
//! It does not know digits, styles or chance.
//!
//! Only `+ - * /` and `sqrt` on f32, which IEEE 754 defines to the bit: the pixels are the same on every platform.

use crate::strokes::Knot;

/// Points per stretch from one knot to the next.
const STEPS: usize = 6;

/// A place on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

impl Point {
    fn mix(self, other: Self, share: f32) -> Self {
        Self {
            x: self.x + (other.x - self.x) * share,
            y: self.y + (other.y - self.y) * share,
        }
    }

    /// The length of the line to `other`.
    pub(crate) fn distance(self, other: Self) -> f32 {
        let (x, y) = (other.x - self.x, other.y - self.y);
        libm::sqrtf(x * x + y * y)
    }
}

impl From<&Knot> for Point {
    fn from(knot: &Knot) -> Self {
        Self {
            x: knot.x,
            y: knot.y,
        }
    }
}

/// The points of a line that runs through all knots: smooth (Catmull-Rom), but for the corners.
pub(crate) fn path(knots: &[Knot]) -> Vec<Point> {
    let mut points: Vec<Point> = knots.iter().take(1).map(Point::from).collect();
    for index in 1..knots.len() {
        let ends = [index - 1, index].map(|at| Point::from(&knots[at]));
        let [before, after] = neighbours(knots, index, ends);
        points.extend((1..=STEPS).map(|step| {
            let share = step as f32 / STEPS as f32;
            catmull_rom([before, ends[0], ends[1], after], share)
        }));
    }
    points
}

/// The points that steer the stretch ending at knot `index`. Beyond an end or a corner: the other end mirrored, which
/// lets the line leave in the direction it likes.
fn neighbours(knots: &[Knot], index: usize, [from, to]: [Point; 2]) -> [Point; 2] {
    let before = match knots.get(index.wrapping_sub(2)) {
        Some(knot) if !knots[index - 1].corner => Point::from(knot),
        _ => to.mix(from, 2.0),
    };
    let after = match knots.get(index + 1) {
        Some(knot) if !knots[index].corner => Point::from(knot),
        _ => from.mix(to, 2.0),
    };
    [before, after]
}

fn catmull_rom(around: [Point; 4], share: f32) -> Point {
    let along = |of: fn(Point) -> f32| {
        let [a, b, c, d] = around.map(of);
        let cubic = 3.0 * (b - c) + d - a;
        let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
        b + 0.5 * share * (c - a + share * (square + share * cubic))
    };
    Point {
        x: along(|point| point.x),
        y: along(|point| point.y),
    }
}

/// The length of a path.
pub(crate) fn length(path: &[Point]) -> f32 {
    path.windows(2)
        .map(|line| line[0].distance(line[1]))
        .fold(0.0, |sum, line| sum + line)
}

/// The path without its first `head` and its last `tail` units of length.
pub(crate) fn shorten(path: &[Point], head: f32, tail: f32) -> Vec<Point> {
    let mut rest = cut_head(path, head);
    rest.reverse();
    rest = cut_head(&rest, tail);
    rest.reverse();
    rest
}

fn cut_head(path: &[Point], head: f32) -> Vec<Point> {
    let mut left = head;
    for (index, line) in path.windows(2).enumerate() {
        let long = line[0].distance(line[1]);
        if long > left {
            let mut rest = vec![line[0].mix(line[1], left / long)];
            rest.extend(&path[index + 1..]);
            return rest;
        }
        left -= long;
    }
    path.to_vec()
}

/// A square page of `SIDE` pixels: how much ink each has, from 0 to 1.
pub(crate) struct Page<const SIDE: usize> {
    ink: [[f32; SIDE]; SIDE],
}

/// A pen: ink within `radius` of the path, fading out over `softness` around that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pen {
    /// Pixels.
    pub(crate) radius: f32,
    /// Pixels.
    pub(crate) softness: f32,
}

impl<const SIDE: usize> Page<SIDE> {
    /// A page without ink.
    pub(crate) fn blank() -> Self {
        Self {
            ink: [[0.0; SIDE]; SIDE],
        }
    }

    /// Draws a line from `from` to `to`; crossing ink does not add up.
    pub(crate) fn line(&mut self, pen: Pen, from: Point, to: Point) {
        let reach = pen.radius + 0.5 * pen.softness;
        let columns = pixels::<SIDE>(from.x, to.x, reach);
        for row in pixels::<SIDE>(from.y, to.y, reach) {
            for column in columns.clone() {
                let centre = Point {
                    x: column as f32 + 0.5,
                    y: row as f32 + 0.5,
                };
                let ink = (reach - distance_to_line(centre, from, to)) / pen.softness;
                let pixel = &mut self.ink[row][column];
                *pixel = pixel.max(ink.min(1.0));
            }
        }
    }

    /// The ink of each pixel, row by row.
    pub(crate) fn ink(&self) -> impl Iterator<Item = f32> {
        self.ink.iter().flatten().copied()
    }
}

/// The pixels whose centres can be within `reach` of the stretch from `a` to `b`, on one axis.
fn pixels<const SIDE: usize>(a: f32, b: f32, reach: f32) -> std::ops::Range<usize> {
    // A cast from float saturates: what lies off the page gives an empty range.
    let first = a.min(b) - reach;
    let end = a.max(b) + reach + 1.0;
    (first as usize).min(SIDE)..(end as usize).min(SIDE)
}

fn distance_to_line(point: Point, from: Point, to: Point) -> f32 {
    let (x, y) = (to.x - from.x, to.y - from.y);
    let square = x * x + y * y;
    if square == 0.0 {
        return point.distance(from);
    }
    let along = ((point.x - from.x) * x + (point.y - from.y) * y) / square;
    point.distance(from.mix(to, along.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knot(x: f32, y: f32, corner: bool) -> Knot {
        Knot { x, y, corner }
    }

    fn at(x: f32, y: f32) -> Point {
        Point { x, y }
    }

    #[test]
    fn a_path_runs_through_its_knots() {
        let knots = [
            knot(0.0, 0.0, false),
            knot(9.0, 3.0, false),
            knot(4.0, 8.0, true),
            knot(1.0, 1.0, false),
        ];
        let points = path(&knots);
        assert_eq!(points.len(), 3 * STEPS + 1);
        for (index, knot) in knots.iter().enumerate() {
            assert!(points[index * STEPS].distance(Point::from(knot)) < 1e-5);
        }
    }

    #[test]
    fn a_path_is_round_at_a_knot_and_straight_at_corners() {
        let bend = |corner| {
            path(&[
                knot(0.0, 0.0, corner),
                knot(10.0, 0.0, corner),
                knot(10.0, 10.0, corner),
            ])
        };
        let highest = |points: &[Point]| points.iter().map(|p| p.y).fold(0.0, f32::min);
        assert!(highest(&bend(false)) < -0.1, "swings out before the turn");
        assert_eq!(highest(&bend(true)), 0.0);
        assert!((length(&bend(true)) - 20.0).abs() < 1e-4);
    }

    #[test]
    fn shortening_takes_length_from_both_ends() {
        let line = [at(0.0, 0.0), at(4.0, 0.0), at(10.0, 0.0)];
        let short = shorten(&line, 5.0, 2.0);
        assert_eq!(short, [at(5.0, 0.0), at(8.0, 0.0)]);
        assert_eq!(shorten(&line, 0.0, 0.0), line);
    }

    #[test]
    fn ink_is_full_on_the_line_and_fades_to_nothing() {
        let pen = Pen {
            radius: 1.0,
            softness: 1.0,
        };
        let mut page = Page::<9>::blank();
        page.line(pen, at(4.5, -2.0), at(4.5, 20.0));
        let row = [0.0, 0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0];
        assert!(page.ink.iter().all(|ink| *ink == row));
    }

    #[test]
    fn lines_off_the_page_leave_no_ink() {
        let pen = Pen {
            radius: 1.5,
            softness: 1.5,
        };
        let mut page = Page::<9>::blank();
        page.line(pen, at(-9.0, -9.0), at(-5.0, 40.0));
        page.line(pen, at(30.0, 3.0), at(1e9, 3.0));
        page.line(pen, at(-4.0, -4.0), at(-4.0, -4.0));
        assert!(page.ink().all(|ink| ink == 0.0));
        page.line(pen, at(4.5, 4.5), at(4.5, 4.5));
        assert_eq!(page.ink[4][4], 1.0);
    }
}
