//! The fold of a study's events: all that samplers and pruners may know. The same events in the same
//! order give the same timeline, in every server process and in a replay.

use std::collections::BTreeMap;

use tabsweep_protocol::{Parameters, TrialNumber};

use crate::{Direction, Event, EventKind, Finished, History, Objective};

/// What a pruner knows of one trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Scores on the way, by epoch.
    pub reports: BTreeMap<u32, f64>,
    /// Whether it has been verified.
    pub is_finished: bool,
}

/// The trials that have reached an epoch at which the pruner pauses them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rung {
    /// Score of each trial that came this far.
    pub scores: BTreeMap<TrialNumber, f64>,
    /// Those of them that rest here.
    pub paused: Vec<TrialNumber>,
}

/// A study's past.
#[derive(Clone, Debug)]
pub struct Timeline {
    objective: Objective,
    folded: u64,
    suggested: u32,
    /// Position of each trial in `finished`.
    slots: BTreeMap<TrialNumber, usize>,
    finished: Vec<Finished>,
    /// Trials under way of which nothing is known yet but the setting.
    running: BTreeMap<TrialNumber, Parameters>,
    curves: BTreeMap<TrialNumber, Curve>,
    rungs: BTreeMap<u32, Rung>,
}

impl Timeline {
    /// Nothing has happened yet.
    pub fn new(objective: Objective) -> Self {
        Self {
            objective,
            folded: 0,
            suggested: 0,
            slots: BTreeMap::new(),
            finished: Vec::new(),
            running: BTreeMap::new(),
            curves: BTreeMap::new(),
            rungs: BTreeMap::new(),
        }
    }

    /// How many events have been folded in; the sequence number of the next one, from 0.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// How many trials have been suggested; the number of the next one.
    pub fn suggested(&self) -> u32 {
        self.suggested
    }

    /// Which scores are better.
    pub fn direction(&self) -> Direction {
        self.objective.direction()
    }

    /// What samplers may know.
    pub fn history(&self) -> History<'_> {
        History {
            direction: self.direction(),
            finished: &self.finished,
            running: &self.running,
        }
    }

    /// What is known of a trial's scores on the way.
    pub fn curve(&self, number: TrialNumber) -> Option<&Curve> {
        self.curves.get(&number)
    }

    /// What is known of all trials' scores on the way.
    pub fn curves(&self) -> &BTreeMap<TrialNumber, Curve> {
        &self.curves
    }

    /// The trials that have come to each rung, by epoch.
    pub fn rungs(&self) -> &BTreeMap<u32, Rung> {
        &self.rungs
    }

    /// Takes in the next event.
    pub fn fold(&mut self, event: Event) {
        self.folded += 1;
        let Event { number, kind } = event;
        match kind {
            EventKind::Suggested { parameters } => {
                self.suggested = self.suggested.max(number.0 + 1);
                self.running.insert(number, parameters);
            }
            EventKind::Reported { epoch, score } => {
                let curve = self.curves.entry(number).or_default();
                curve.reports.insert(epoch, score);
            }
            EventKind::Paused { epoch, score } => {
                self.observe(number, score, Some(epoch));
                let rung = self.rungs.entry(epoch).or_default();
                rung.scores.insert(number, score);
                rung.paused.push(number);
            }
            EventKind::Promoted => self.leave_rung(number),
            EventKind::Verified { score } => {
                self.observe(number, score, None);
                self.curves.entry(number).or_default().is_finished = true;
            }
            EventKind::Diverged => self.observe(number, self.objective.worst(), None),
            EventKind::Pruned { epoch, score } => {
                self.leave_rung(number);
                self.observe(number, score, Some(epoch));
            }
            EventKind::Dropped => {
                self.leave_rung(number);
                self.forget(number);
                self.running.remove(&number);
            }
            EventKind::Requeued => self.begin_anew(number),
        }
    }

    fn observe(&mut self, number: TrialNumber, score: f64, stopped_at: Option<u32>) {
        if let Some(&slot) = self.slots.get(&number) {
            self.finished[slot].score = score;
            self.finished[slot].stopped_at = stopped_at;
            return;
        }
        // Of a trial that was never suggested there is nothing to learn.
        let Some(parameters) = self.running.remove(&number) else {
            return;
        };
        self.slots.insert(number, self.finished.len());
        self.finished.push(Finished {
            number,
            parameters,
            score,
            stopped_at,
        });
    }

    /// Takes back what was observed of a trial; its setting.
    fn forget(&mut self, number: TrialNumber) -> Option<Parameters> {
        let slot = self.slots.remove(&number)?;
        let finished = self.finished.remove(slot);
        for later in self.slots.values_mut().filter(|later| **later > slot) {
            *later -= 1;
        }
        Some(finished.parameters)
    }

    fn leave_rung(&mut self, number: TrialNumber) {
        for rung in self.rungs.values_mut() {
            rung.paused.retain(|paused| *paused != number);
        }
    }

    fn begin_anew(&mut self, number: TrialNumber) {
        for rung in self.rungs.values_mut() {
            rung.scores.remove(&number);
            rung.paused.retain(|paused| *paused != number);
        }
        self.curves.remove(&number);
        if let Some(parameters) = self.forget(number) {
            self.running.insert(number, parameters);
        }
    }
}
