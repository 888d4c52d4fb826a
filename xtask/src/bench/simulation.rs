//! A study on recorded curves: workers take trials as the server hands them out, and every score
//! comes from the table. Sampler, pruner and timeline are the product's own; time is counted in
//! epochs.

use std::collections::BTreeMap;

use tabsweep_protocol::TrialNumber;
use tabsweep_study::{Event, EventKind, Study, Timeline};

use crate::bench::recorded::{Recorded, RecordedCurve};

/// A trial under way or at rest.
#[derive(Debug)]
struct Course<'a> {
    curve: &'a RecordedCurve,
    epoch: u32,
    rungs: u32,
}

/// A study and where it stands.
#[derive(Debug)]
pub struct Simulation<'a> {
    recorded: &'a Recorded,
    study: &'a Study,
    timeline: Timeline,
    courses: BTreeMap<TrialNumber, Course<'a>>,
    trained_epochs: u64,
    best: f64,
}

/// The time that an epoch takes a worker. They are not equally fast, so that they do not ask in turn.
fn epoch_time(worker: u32) -> u64 {
    100 + 7 * u64::from(worker % 5)
}

impl<'a> Simulation<'a> {
    /// A study that has not begun.
    #[must_use]
    pub fn new(recorded: &'a Recorded, study: &'a Study) -> Self {
        Self {
            recorded,
            study,
            timeline: Timeline::new(study.objective),
            courses: BTreeMap::new(),
            trained_epochs: 0,
            best: f64::NEG_INFINITY,
        }
    }

    /// The best score of a whole training.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.best
    }

    /// How many trials have been suggested.
    #[must_use]
    pub fn suggested(&self) -> u32 {
        self.timeline.suggested()
    }

    /// Whole trainings' worth of epochs that all workers have trained.
    #[must_use]
    pub fn full_trainings(&self) -> f64 {
        self.trained_epochs as f64 / f64::from(self.recorded.epochs)
    }

    /// Lets `workers` work until `is_done`.
    pub fn run(&mut self, workers: u32, is_done: impl Fn(&Self) -> bool) {
        // By the time at which the epoch ends; of equal times the first worker's.
        let mut under_way = BTreeMap::new();
        for worker in 0..workers {
            under_way.insert((epoch_time(worker), worker), self.next_trial());
        }
        while let Some(((time, worker), number)) = under_way.pop_first() {
            let goes_on = self.train_epoch(number);
            if is_done(self) {
                break;
            }
            let number = if goes_on { number } else { self.next_trial() };
            under_way.insert((time + epoch_time(worker), worker), number);
        }
    }

    fn record(&mut self, number: TrialNumber, kind: EventKind) {
        self.timeline.fold(Event { number, kind });
    }

    /// One that has earned to go on, else a new one.
    fn next_trial(&mut self) -> TrialNumber {
        if let Some(number) = self.study.pruner.promotable(&self.timeline) {
            self.record(number, EventKind::Promoted);
            return number;
        }
        let number = TrialNumber(self.timeline.suggested());
        let parameters = self.study.suggest(self.timeline.history(), number);
        let course = Course {
            curve: self.recorded.nearest(&parameters),
            epoch: 0,
            rungs: 0,
        };
        self.courses.insert(number, course);
        self.record(number, EventKind::Suggested { parameters });
        number
    }

    /// One epoch; whether the trial goes on at once.
    fn train_epoch(&mut self, number: TrialNumber) -> bool {
        let pruner = self.study.pruner;
        let course = self.courses.get_mut(&number).expect("it was suggested");
        course.epoch += 1;
        self.trained_epochs += 1;
        let epoch = course.epoch;
        let Some(&validation) = course.curve.validation.get(epoch as usize - 1) else {
            self.record(number, EventKind::Diverged);
            return false;
        };
        let score = self.study.objective.score(validation);
        let is_last = epoch == self.recorded.epochs;
        let rests = !is_last && pruner.stops_at(number, course.rungs) == Some(epoch);
        course.rungs += u32::from(rests);
        if pruner.reads_reports() {
            self.record(number, EventKind::Reported { epoch, score });
        }
        if is_last {
            self.best = self.best.max(score);
            self.record(number, EventKind::Verified { score });
        } else if rests {
            self.record(number, EventKind::Paused { epoch, score });
        } else if pruner.stops(&self.timeline, number, epoch) {
            self.record(number, EventKind::Pruned { epoch, score });
        } else {
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::Seed;
    use tabsweep_study::{Asha, Budget, Objective, Pruner, SamplerKind};

    use super::*;
    use crate::workspace::Workspace;

    fn study(recorded: &Recorded, pruner: Pruner) -> Study {
        Study {
            name: String::new(),
            dataset: String::new(),
            objective: Objective::ValidationAccuracy,
            budget: Budget {
                trials: u32::MAX,
                wall_secs: None,
                target_score: None,
            },
            weight: 1.0,
            seed: Seed(1),
            sampler: SamplerKind::Random,
            pruner,
            enqueued: Vec::new(),
            own: [].into(),
            space: recorded.space().unwrap(),
        }
    }

    fn recorded() -> Recorded {
        Recorded::lenet(&Workspace::found().unwrap()).unwrap()
    }

    #[test]
    fn without_a_pruner_every_trial_costs_a_whole_training() {
        let recorded = recorded();
        let study = study(&recorded, Pruner::None);
        let mut simulation = Simulation::new(&recorded, &study);
        simulation.run(1, |simulation| simulation.full_trainings() >= 3.0);
        assert_eq!(
            (simulation.suggested(), simulation.full_trainings()),
            (3, 3.0)
        );
        let finished = simulation.timeline.history().finished;
        let best = finished.iter().map(|trial| trial.score).fold(0.0, f64::max);
        assert_eq!(simulation.best(), best);
    }

    #[test]
    fn a_trial_that_goes_on_pays_for_the_rest_alone() {
        let recorded = recorded();
        let study = study(&recorded, Pruner::Asha(Asha::new(1, 3).unwrap()));
        let mut simulation = Simulation::new(&recorded, &study);
        simulation.run(1, |simulation| simulation.best() > 0.0);
        // Nine rest after an epoch, three of them after three, one of those comes to the end.
        assert_eq!(simulation.suggested(), 9);
        assert_eq!(simulation.trained_epochs, 9 + 3 * 2 + 6);
    }

    #[test]
    fn workers_beside_each_other_begin_as_many_trials() {
        let recorded = recorded();
        let study = study(&recorded, Pruner::None);
        let mut simulation = Simulation::new(&recorded, &study);
        simulation.run(5, |simulation| simulation.best() > 0.0);
        assert_eq!(simulation.suggested(), 5);
        assert!(simulation.full_trainings() > 4.0);
    }
}
