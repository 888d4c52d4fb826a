//! What a study wants of its trials: which figure, and whether more of it is better.

use serde::{Deserialize, Serialize};

use crate::Scores;

/// The figure that ranks trials; measured by the server on the validation images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Share of the images classified rightly, to be maximised.
    #[default]
    ValidationAccuracy,
    /// Share of the images classified wrongly, to be minimised.
    ValidationError,
}

/// Which scores are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Higher ones.
    Maximize,
    /// Lower ones.
    Minimize,
}

impl Direction {
    /// Whether `score` is better than `other`.
    pub fn is_better(self, score: f64, other: f64) -> bool {
        match self {
            Self::Maximize => score > other,
            Self::Minimize => score < other,
        }
    }

    /// The worst score there is: scores are shares.
    pub fn worst_share(self) -> f64 {
        match self {
            Self::Maximize => 0.0,
            Self::Minimize => 1.0,
        }
    }

    /// The score as a loss: lower is better.
    pub fn loss(self, score: f64) -> f64 {
        match self {
            Self::Maximize => -score,
            Self::Minimize => score,
        }
    }
}

impl Objective {
    /// Which scores are better.
    pub fn direction(self) -> Direction {
        match self {
            Self::ValidationAccuracy => Direction::Maximize,
            Self::ValidationError => Direction::Minimize,
        }
    }

    /// The score of a trial of which this share of the validation images was classified rightly.
    pub fn score(self, validation_accuracy: f64) -> f64 {
        match self {
            Self::ValidationAccuracy => validation_accuracy,
            Self::ValidationError => 1.0 - validation_accuracy,
        }
    }

    /// The score of a verified trial.
    pub fn of(self, scores: Scores) -> f64 {
        self.score(scores.validation)
    }

    /// The score of a trial that classifies nothing rightly; what a diverged trial is worth.
    pub fn worst(self) -> f64 {
        self.direction().worst_share()
    }
}
