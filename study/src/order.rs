//! Scores in an order that is total: whoever sorts them gets the same, ties and all.

use std::cmp::Ordering;

use tabsweep_protocol::TrialNumber;

/// A trial's place among others: the lower figure first, then the earlier trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    figure: f64,
    number: TrialNumber,
}

impl Place {
    /// The place of a trial with this figure: a loss, or a score where the direction is no matter.
    pub(crate) fn new(figure: f64, number: TrialNumber) -> Self {
        // So that -0 and 0 are equal.
        let figure = figure + 0.0;
        Self { figure, number }
    }

    pub(crate) fn figure(&self) -> f64 {
        self.figure
    }

    pub(crate) fn number(&self) -> TrialNumber {
        self.number
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_figure = self.figure.total_cmp(&other.figure);
        by_figure.then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}
