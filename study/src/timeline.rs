//! The fold of a study's events: all that samplers and pruners may know. The same events in the same
//! order give the same timeline, in every server process and in a replay.

use std::collections::BTreeMap;

use tabsweep_protocol::{Parameters, TrialNumber};

use crate::median::RunningMedian;
use crate::{Direction, Event, EventKind, Finished, History, Objective, Rest, Rung};

/// What a pruner knows of one trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Scores on the way, by epoch.
    pub reports: BTreeMap<u32, f64>,
    /// Whether it has been verified.
    pub is_finished: bool,
}

/// Trials that rest at the same epochs, and are compared with each other alone: rungs by epoch.
pub type Bracket = BTreeMap<u32, Rung>;

/// A study's past.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    objective: Objective,
    folded: u64,
    suggested: u32,
    /// Position of each trial in `finished`.
    slots: BTreeMap<TrialNumber, usize>,
    finished: Vec<Finished>,
    /// Trials under way of which nothing is known yet but the setting.
    running: BTreeMap<TrialNumber, Parameters>,
    /// Trials that ended before anything was known of them.
    dropped: BTreeMap<TrialNumber, Parameters>,
    curves: BTreeMap<TrialNumber, Curve>,
    /// How many trials have been verified.
    verified: usize,
    /// Of the verified trials' scores, by epoch.
    medians: BTreeMap<u32, RunningMedian>,
    /// By the epoch of the first rung.
    brackets: BTreeMap<u32, Bracket>,
    rests: BTreeMap<TrialNumber, Rests>,
}

/// Where a trial has rested.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rests {
    /// First; this is its bracket.
    first: u32,
    last: u32,
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
            dropped: BTreeMap::new(),
            curves: BTreeMap::new(),
            verified: 0,
            medians: BTreeMap::new(),
            brackets: BTreeMap::new(),
            rests: BTreeMap::new(),
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

    /// How many trials have been verified.
    pub fn verified(&self) -> usize {
        self.verified
    }

    /// The median of the verified trials' scores after `epoch`, of those that have one.
    pub fn median(&self, epoch: u32) -> Option<f64> {
        self.medians.get(&epoch)?.value()
    }

    /// The rungs that trials have come to, by the epoch at which the trials rested first.
    pub fn brackets(&self) -> &BTreeMap<u32, Bracket> {
        &self.brackets
    }

    /// Takes in the next event. Of a trial that was never suggested there is nothing to learn.
    pub fn fold(&mut self, event: Event) {
        self.folded += 1;
        let Event { number, kind } = event;
        match kind {
            EventKind::Suggested { parameters } => {
                self.suggested = self.suggested.max(number.0 + 1);
                self.running.insert(number, parameters);
            }
            EventKind::Reported { epoch, score } => self.report(number, epoch, score),
            EventKind::Paused { epoch, score } => {
                if self.observe(number, score, Some(epoch)) {
                    self.rest(number, epoch, score);
                }
            }
            EventKind::Promoted => self.leave_rung(number),
            EventKind::Verified { score } => {
                if self.observe(number, score, None) {
                    self.finish(number);
                }
            }
            EventKind::Diverged => {
                self.observe(number, self.objective.worst(), Some(0));
            }
            EventKind::Pruned { epoch, score } => {
                self.leave_rung(number);
                self.observe(number, score, Some(epoch));
            }
            EventKind::Dropped => {
                self.leave_rung(number);
                self.dropped.extend(self.running.remove_entry(&number));
            }
            EventKind::Requeued => self.begin_anew(number),
        }
    }

    /// Whether the trial is known.
    fn observe(&mut self, number: TrialNumber, score: f64, stopped_at: Option<u32>) -> bool {
        if let Some(&slot) = self.slots.get(&number) {
            self.finished[slot].score = score;
            self.finished[slot].stopped_at = stopped_at;
            return true;
        }
        let Some(parameters) = self.running.remove(&number) else {
            return false;
        };
        self.slots.insert(number, self.finished.len());
        self.finished.push(Finished {
            number,
            parameters,
            score,
            stopped_at,
            rests: Vec::new(),
        });
        true
    }

    fn report(&mut self, number: TrialNumber, epoch: u32, score: f64) {
        let curve = self.curves.entry(number).or_default();
        // What the median knows of a verified trial stays as it is.
        if !curve.is_finished {
            curve.reports.insert(epoch, score);
        }
    }

    fn finish(&mut self, number: TrialNumber) {
        let curve = self.curves.entry(number).or_default();
        if curve.is_finished {
            return;
        }
        curve.is_finished = true;
        self.verified += 1;
        for (&epoch, &score) in &curve.reports {
            let median = self.medians.entry(epoch).or_default();
            median.insert(number, score);
        }
    }

    fn rest(&mut self, number: TrialNumber, epoch: u32, score: f64) {
        self.leave_rung(number);
        let first = self.rests.get(&number).map_or(epoch, |rests| rests.first);
        self.rests.insert(number, Rests { first, last: epoch });
        if let Some(&slot) = self.slots.get(&number) {
            let rests = &mut self.finished[slot].rests;
            rests.retain(|rest| rest.epoch < epoch);
            rests.push(Rest { epoch, score });
        }
        let loss = self.objective.direction().loss(score);
        let rungs = self.brackets.entry(first).or_default();
        rungs.entry(epoch).or_default().pause(number, loss);
    }

    fn leave_rung(&mut self, number: TrialNumber) {
        let Some(Rests { first, last }) = self.rests.get(&number) else {
            return;
        };
        let bracket = self.brackets.get_mut(first);
        if let Some(rung) = bracket.and_then(|rungs| rungs.get_mut(last)) {
            rung.leave(number);
        }
    }

    fn begin_anew(&mut self, number: TrialNumber) {
        if let Some(rests) = self.rests.remove(&number) {
            let rungs = self.brackets.get_mut(&rests.first).into_iter().flatten();
            rungs.for_each(|(_, rung)| rung.remove(number));
        }
        if let Some(curve) = self.curves.remove(&number)
            && curve.is_finished
        {
            self.verified -= 1;
            for (epoch, score) in curve.reports {
                let median = self.medians.entry(epoch).or_default();
                median.remove(number, score);
            }
        }
        let setting = self.forget(number);
        let setting = setting.or_else(|| self.dropped.remove(&number));
        self.running
            .extend(setting.map(|parameters| (number, parameters)));
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
}
