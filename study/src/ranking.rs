//! Who leads. Reads the validation score only; the test score is carried along for people.

use tabsweep_protocol::{StudyId, TrialNumber};

use crate::Scores;

/// A verified trial's claim to a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The study.
    pub study: StudyId,
    /// The trial.
    pub number: TrialNumber,
    /// What the server measured.
    pub scores: Scores,
}

/// Puts `rows` in order, best first: by validation score, then the earlier trial of the earlier
/// study. The order of the input has no influence.
pub fn rank<T>(rows: &mut [T], standing: impl Fn(&T) -> Standing) {
    rows.sort_by(|a, b| {
        let (a, b) = (standing(a), standing(b));
        let by_score = b.scores.validation.total_cmp(&a.scores.validation);
        by_score.then((a.study, a.number).cmp(&(b.study, b.number)))
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing(number: u32, validation: f64, test: f64) -> Standing {
        Standing {
            study: StudyId(1),
            number: TrialNumber(number),
            scores: Scores { validation, test },
        }
    }

    #[test]
    fn the_test_score_has_no_say() {
        let mut standings = [standing(2, 0.97, 0.99), standing(1, 0.98, 0.90)];
        rank(&mut standings, |standing| *standing);
        assert_eq!(standings[0].number, TrialNumber(1));
    }

    proptest! {
        #[test]
        fn input_order_has_no_influence(
            scores in prop::collection::vec(0..5_u8, 0..30), turn in 0..30_usize,
        ) {
            let mut ordered: Vec<_> = scores.iter().enumerate()
                .map(|(i, score)| standing(i as u32, f64::from(*score), 0.0)).collect();
            let mut turned = ordered.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
            }
            rank(&mut ordered, |standing| *standing);
            rank(&mut turned, |standing| *standing);
            prop_assert_eq!(ordered, turned);
        }
    }
}
