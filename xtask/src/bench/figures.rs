//! What becomes of a figure that was measured in several rounds: its median and range, and ratios of
//! two such figures. Does not know what was measured.

use serde::Serialize;

/// A figure of each round, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rounds(Vec<f64>);

/// What a table shows of [`Rounds`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Half of the rounds are below it.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// All, in order.
    pub rounds: Rounds,
}

impl Rounds {
    /// Adds the next round's figure.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Each round's ratio to the same round of `other`: what slowed down the machine for a while slowed
    /// down both.
    #[must_use]
    pub fn ratio_to(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(one, other)| one / other).collect())
    }

    /// `None` of no rounds.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        Some(Summary {
            median: median(&sorted)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
            rounds: self.clone(),
        })
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds<const N: usize>(figures: [f64; N]) -> Rounds {
        figures.into_iter().collect()
    }

    #[test]
    fn a_summary_has_median_and_range_and_keeps_the_order() {
        let summary = rounds([3.0, 1.0, 10.0]).summary().unwrap();
        assert_eq!((summary.median, summary.min, summary.max), (3.0, 1.0, 10.0));
        assert_eq!(summary.rounds, rounds([3.0, 1.0, 10.0]));
        assert_eq!(rounds([4.0, 1.0, 2.0, 9.0]).summary().unwrap().median, 3.0);
        assert_eq!(rounds([]).summary(), None);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        // A slow second round for both: the ratio of medians would hide that they are in step.
        let ratio = rounds([20.0, 8.0, 22.0]).ratio_to(&rounds([10.0, 4.0, 11.0]));
        assert_eq!(ratio, rounds([2.0, 2.0, 2.0]));
    }
}
