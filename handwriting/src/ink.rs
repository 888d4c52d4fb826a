//! How dark ink is in this picture, and from where on something counts as ink.

use crate::plane::Plane;

/// Less darkness than this is never ink.
const LEAST: f32 = 0.08;
/// Ink stands out from the paper's grain by this many times the grain's usual size.
const OUTSTANDING: f32 = 8.0;
/// Part of the ink's darkness from where on pixels hang together.
const FAINT: f32 = 0.35;
/// Levels of darkness that are told apart when the usual one is looked for.
const LEVELS: usize = 1024;

/// How dark things are in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    /// The paper's usual darkness.
    pub(crate) paper: f32,
    /// The ink's.
    pub(crate) ink: f32,
    /// The least that counts as ink.
    pub(crate) faint: f32,
}

impl Level {
    /// Half way from paper to ink.
    pub(crate) fn half(&self) -> f32 {
        0.5 * (self.paper + self.ink)
    }

    /// A darkness as a share of the ink's, from 0 to 1.
    pub(crate) fn share(&self, darkness: f32) -> f32 {
        ((darkness - self.paper) / (self.ink - self.paper)).clamp(0.0, 1.0)
    }
}

/// Paper and ink of a picture; none where nothing stands out.
pub(crate) fn level(darkness: &Plane) -> Option<Level> {
    let paper = median(darkness.values().iter().copied());
    let grain = median(darkness.values().iter().map(|value| (value - paper).abs()));
    let least = LEAST.max(paper + OUTSTANDING * grain);
    let ink = usual_ink(
        darkness
            .values()
            .iter()
            .copied()
            .filter(|value| *value > least),
    )?;
    let faint = least.max(paper + FAINT * (ink - paper));
    Some(Level { paper, ink, faint })
}

/// The mean of what may be ink, in which dark pixels weigh more: pale edges, leftovers of shading and
/// faint rules are many and must not decide.
pub(crate) fn usual_ink(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in values {
        squares += value * value;
        cubes += value * value * value;
    }
    (squares > 0.0).then(|| cubes / squares)
}

/// The median of values from 0 to 1, to the nearest level.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut counts = [0_usize; LEVELS];
    let mut total = 0;
    for value in values {
        counts[((value * LEVELS as f32) as usize).min(LEVELS - 1)] += 1;
        total += 1;
    }
    let mut below = 0;
    let middle = counts.iter().position(|count| {
        below += count;
        2 * below >= total
    });
    middle.unwrap_or_default() as f32 / LEVELS as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stands_out_of_even_or_grainy_paper() {
        assert_eq!(level(&Plane::new(20, 20, |_, _| 0.0)), None);
        assert_eq!(
            level(&Plane::new(20, 20, |x, y| ((x * 7 + y * 13) % 5) as f32 * 0.02)),
            None
        );
    }

    #[test]
    fn pale_leftovers_do_not_decide() {
        let darkness = Plane::new(40, 40, |x, y| match (x, y) {
            (10..13, 5..30) => 0.8,
            (_, 36..) => 0.1,
            _ => 0.0,
        });
        let level = level(&darkness).unwrap();
        assert_eq!(level.paper, 0.0);
        assert!(level.ink > 0.75 && level.faint > 0.2, "{level:?}");
    }

    #[test]
    fn shares_go_from_paper_to_ink() {
        let level = Level {
            paper: 0.1,
            ink: 0.6,
            faint: 0.3,
        };
        let shares = [0.0, 0.1, 0.35, 0.6, 0.9].map(|darkness| level.share(darkness));
        assert_eq!(shares, [0.0, 0.0, 0.5, 1.0, 1.0]);
    }
}
