use proptest::prelude::*;
use serde_json::json;
use tabsweep_protocol::TrialNumber;

use super::*;
use crate::{Event, EventKind, Objective};

fn timeline(events: &[(u32, EventKind)]) -> Timeline {
    timeline_of(Objective::ValidationAccuracy, events)
}

fn timeline_of(objective: Objective, events: &[(u32, EventKind)]) -> Timeline {
    let mut timeline = Timeline::new(objective);
    for (number, kind) in events {
        timeline.fold(Event {
            number: TrialNumber(*number),
            kind: kind.clone(),
        });
    }
    timeline
}

fn suggested() -> EventKind {
    let parameters = [].into();
    EventKind::Suggested { parameters }
}

/// A trial that has reported these scores from epoch 1 on.
fn reports(number: u32, scores: &[f64]) -> Vec<(u32, EventKind)> {
    let report = |(epoch, &score)| (number, EventKind::Reported { epoch, score });
    let reports = (1..).zip(scores).map(report);
    std::iter::once((number, suggested()))
        .chain(reports)
        .collect()
}

fn verified(number: u32, scores: &[f64]) -> Vec<(u32, EventKind)> {
    let score = scores[scores.len() - 1];
    [
        reports(number, scores),
        vec![(number, EventKind::Verified { score })],
    ]
    .concat()
}

fn median(startup_trials: u32, warmup_epochs: u32) -> Pruner {
    Pruner::Median(Median {
        startup_trials,
        warmup_epochs,
    })
}

fn asha() -> Pruner {
    Pruner::Asha(Asha::new(1, 3).unwrap())
}

#[test]
fn a_study_file_may_leave_options_out() {
    let halving = Asha::new(1, 2).unwrap();
    let asha = Pruner::Asha(halving);
    let read = |value| serde_json::from_value::<Pruner>(value).map_err(|error| error.to_string());
    assert_eq!(read(json!({ "type": "none" })), Ok(Pruner::None));
    assert_eq!(read(json!({ "type": "median" })), Ok(median(5, 0)));
    assert_eq!(read(json!({ "type": "asha" })), Ok(asha));
    let hyperband = Hyperband::new(halving, 9).unwrap();
    let hyperband = Pruner::Hyperband(hyperband);
    assert_eq!(
        read(json!({ "type": "hyperband", "max_epochs": 9 })),
        Ok(hyperband)
    );
    for pruner in [Pruner::None, median(1, 2), asha, hyperband] {
        assert_eq!(read(serde_json::to_value(pruner).unwrap()), Ok(pruner));
    }
}

#[test]
fn impossible_options_are_refused() {
    let refusal = |value| {
        serde_json::from_value::<Pruner>(value)
            .unwrap_err()
            .to_string()
    };
    let cases = [
        (
            json!({ "type": "asha", "min_epochs": 0 }),
            "`min_epochs` must be at least 1, found 0",
        ),
        (
            json!({ "type": "asha", "reduction_factor": 1 }),
            "`reduction_factor` must be at least 2, found 1",
        ),
        (
            json!({ "type": "hyperband", "min_epochs": 4, "max_epochs": 3 }),
            "`max_epochs` must be at least `min_epochs` = 4, found 3",
        ),
        (json!({ "type": "hyperband" }), "missing field `max_epochs`"),
        (
            json!({ "type": "median", "eta": 3 }),
            "unknown field `eta`, expected `startup_trials` or `warmup_epochs`",
        ),
    ];
    for (value, message) in cases {
        assert_eq!(refusal(value), message);
    }
}

#[test]
fn the_best_so_far_is_compared_with_the_median_of_the_verified() {
    let known = [verified(0, &[0.5, 0.6]), verified(1, &[0.7, 0.9])].concat();
    let stops = |pruner: Pruner, scores: &[f64]| {
        let events = [known.clone(), reports(2, scores)].concat();
        pruner.stops(&timeline(&events), TrialNumber(2), scores.len() as u32)
    };
    // The medians are 0.6 and 0.75.
    assert!(stops(median(2, 0), &[0.59]));
    assert!(!stops(median(2, 0), &[0.6]));
    assert!(stops(median(2, 0), &[0.7, 0.7]));
    assert!(!stops(median(2, 0), &[0.8, 0.1]));
    // Too early, and beyond what anybody has reported.
    assert!(!stops(median(3, 0), &[0.1]));
    assert!(!stops(median(2, 1), &[0.1]));
    assert!(stops(median(2, 1), &[0.1, 0.1]));
    assert!(!stops(median(2, 0), &[0.1, 0.1, 0.1]));
}

#[test]
fn of_an_error_the_lower_is_better() {
    let known = [verified(0, &[0.5]), verified(1, &[0.3])].concat();
    let stops = |score: f64| {
        let events = [known.clone(), reports(2, &[score])].concat();
        let timeline = timeline_of(Objective::ValidationError, &events);
        median(0, 0).stops(&timeline, TrialNumber(2), 1)
    };
    assert!(stops(0.41));
    assert!(!stops(0.4));
}

#[test]
fn neither_pruned_nor_requeued_trials_are_in_the_median() {
    let pruned = (
        1,
        EventKind::Pruned {
            epoch: 1,
            score: 0.1,
        },
    );
    let mut events = [verified(0, &[0.5]), reports(1, &[0.1]), vec![pruned]].concat();
    assert_eq!(timeline(&events).median(1), Some(0.5));
    events.push((0, EventKind::Requeued));
    let timeline = timeline(&events);
    assert_eq!((timeline.median(1), timeline.verified()), (None, 0));
}

#[test]
fn rungs_are_powers_apart() {
    let rungs = |pruner: Pruner| [0, 1, 2].map(|rung| pruner.stops_at(TrialNumber(7), rung));
    assert_eq!(rungs(asha()), [Some(1), Some(3), Some(9)]);
    assert_eq!(asha().stops_at(TrialNumber(7), 40), None);
    assert_eq!(rungs(Pruner::None), [None; 3]);
    assert_eq!(rungs(median(0, 0)), [None; 3]);
}

fn rested(number: u32, epoch: u32, score: f64) -> [(u32, EventKind); 2] {
    [
        (number, suggested()),
        (number, EventKind::Paused { epoch, score }),
    ]
}

#[test]
fn one_in_three_goes_on_and_the_later_rung_is_served_first() {
    let mut events = [rested(0, 1, 0.5), rested(1, 1, 0.7)].concat();
    assert_eq!(asha().promotable(&timeline(&events)), None);
    events.extend(rested(2, 1, 0.6));
    assert_eq!(asha().promotable(&timeline(&events)), Some(TrialNumber(1)));
    events.push((1, EventKind::Promoted));
    assert_eq!(asha().promotable(&timeline(&events)), None);
    for number in 3..9 {
        events.extend(rested(number, 1, 0.5));
    }
    // Two more have a place at rung 0 when three have come to rung 1.
    events.push((
        1,
        EventKind::Paused {
            epoch: 3,
            score: 0.8,
        },
    ));
    assert_eq!(asha().promotable(&timeline(&events)), Some(TrialNumber(2)));
    for number in [2, 0] {
        events.push((number, EventKind::Promoted));
        events.push((
            number,
            EventKind::Paused {
                epoch: 3,
                score: 0.7,
            },
        ));
    }
    events.extend([rested(9, 1, 0.9)].concat());
    assert_eq!(asha().promotable(&timeline(&events)), Some(TrialNumber(1)));
    events.push((1, EventKind::Promoted));
    assert_eq!(asha().promotable(&timeline(&events)), Some(TrialNumber(9)));
}

#[test]
fn who_was_dropped_or_diverged_is_never_promoted() {
    let mut events = [rested(0, 1, 0.9), rested(1, 1, 0.5), rested(2, 1, 0.5)].concat();
    events.push((0, EventKind::Dropped));
    events.extend([(3, suggested()), (3, EventKind::Diverged)]);
    let folded = timeline(&events);
    assert_eq!(asha().promotable(&folded), None);
    // What the server has measured of it stays known.
    assert_eq!(folded.history().finished[0].score, 0.9);
    events.push((0, EventKind::Requeued));
    assert!(
        timeline(&events)
            .history()
            .running
            .contains_key(&TrialNumber(0))
    );
    assert_eq!(timeline(&events).brackets()[&1][&1].reached(), 2);
}

#[test]
fn a_setting_outlives_failure() {
    let events = [
        (0, suggested()),
        (0, EventKind::Dropped),
        (0, EventKind::Requeued),
        (0, EventKind::Verified { score: 0.9 }),
    ];
    assert_eq!(timeline(&events[..2]).history().running.len(), 0);
    assert_eq!(timeline(&events[..3]).history().running.len(), 1);
    assert_eq!(timeline(&events).history().finished.len(), 1);
}

#[test]
fn brackets_do_not_compare_with_each_other() {
    let hyperband = Pruner::Hyperband(Hyperband::new(Asha::new(1, 3).unwrap(), 9).unwrap());
    let mut events = [rested(0, 1, 0.9), rested(1, 1, 0.8), rested(2, 3, 0.7)].concat();
    assert_eq!(hyperband.promotable(&timeline(&events)), None);
    events.extend([rested(3, 3, 0.6), rested(4, 3, 0.5)].concat());
    assert_eq!(
        hyperband.promotable(&timeline(&events)),
        Some(TrialNumber(2))
    );
    events.extend(rested(5, 1, 0.1));
    assert_eq!(
        hyperband.promotable(&timeline(&events)),
        Some(TrialNumber(2))
    );
    events.push((2, EventKind::Promoted));
    assert_eq!(
        hyperband.promotable(&timeline(&events)),
        Some(TrialNumber(0))
    );
}

/// A worker at a time takes a promotion where there is one, else a new trial; every trial's score at
/// a rung is its own. What was decided, in order.
fn decisions(pruner: Pruner, objective: Objective, scores: &[u8]) -> (Vec<(u32, u32)>, Timeline) {
    let mut timeline = Timeline::new(objective);
    let mut decisions = Vec::new();
    let mut rungs = std::collections::BTreeMap::new();
    let fold = |timeline: &mut Timeline, number, kind| {
        timeline.fold(Event { number, kind });
    };
    let score = |number: TrialNumber, epoch: u32| {
        let share = f64::from(scores[number.0 as usize]) / 300.0;
        objective.score(share + f64::from(epoch.min(9)) / 100.0)
    };
    loop {
        let number = match pruner.promotable(&timeline) {
            Some(number) => {
                fold(&mut timeline, number, EventKind::Promoted);
                number
            }
            None if timeline.suggested() as usize == scores.len() => break,
            None => {
                let number = TrialNumber(timeline.suggested());
                fold(&mut timeline, number, suggested());
                number
            }
        };
        let passed = rungs.entry(number).or_insert(0);
        decisions.push((number.0, *passed));
        match pruner.stops_at(number, *passed).filter(|&epoch| epoch < 9) {
            Some(epoch) => {
                *passed += 1;
                let score = score(number, epoch);
                fold(&mut timeline, number, EventKind::Paused { epoch, score });
            }
            None => {
                let score = score(number, 9);
                fold(&mut timeline, number, EventKind::Verified { score });
            }
        }
    }
    (decisions, timeline)
}

fn pruners() -> impl Strategy<Value = Pruner> {
    let asha = (1..3_u32, 2..5_u32).prop_map(|(min, factor)| Asha::new(min, factor).unwrap());
    (asha, any::<bool>()).prop_map(|(asha, has_brackets)| {
        if has_brackets {
            Pruner::Hyperband(Hyperband::new(asha, 9).unwrap())
        } else {
            Pruner::Asha(asha)
        }
    })
}

proptest! {
    #[test]
    fn nobody_is_promoted_twice_and_only_as_many_as_have_a_place(
        pruner in pruners(), scores in prop::collection::vec(0..12_u8, 1..60),
    ) {
        let (decisions, timeline) = decisions(pruner, Objective::default(), &scores);
        let mut seen = std::collections::BTreeSet::new();
        prop_assert!(decisions.iter().all(|decision| seen.insert(*decision)));
        let factor = match pruner {
            Pruner::Asha(asha) => asha.reduction_factor() as usize,
            Pruner::Hyperband(_) | Pruner::Median(_) | Pruner::None => 1,
        };
        for rung in timeline.brackets().values().flat_map(|bracket| bracket.values()) {
            // At the end nobody who has earned it is left behind: the best of the places are taken.
            let left = rung.reached() - rung.paused().count();
            prop_assert!(factor == 1 || left >= rung.reached() / factor);
            prop_assert!(rung.best_paused_within(rung.reached() / factor.max(4)).is_none());
        }
    }

    #[test]
    fn each_promotion_is_of_one_of_the_best(
        factor in 2..5_u32, scores in prop::collection::vec(0..12_u8, 1..60),
    ) {
        // Scores of those who rest at one rung, promotions as soon as they are due.
        let asha = Asha::new(1, factor).unwrap();
        let mut timeline = Timeline::new(Objective::default());
        let mut promoted = std::collections::BTreeSet::new();
        for (number, &score) in (0..).zip(&scores) {
            for (number, kind) in rested(number, 1, f64::from(score)) {
                timeline.fold(Event { number: TrialNumber(number), kind });
            }
            while let Some(number) = asha.promotable(&timeline) {
                let mut best: Vec<u32> = (0..timeline.suggested()).collect();
                best.sort_by_key(|&number| (std::cmp::Reverse(scores[number as usize]), number));
                best.truncate(timeline.suggested() as usize / factor as usize);
                prop_assert!(best.contains(&number.0));
                prop_assert!(promoted.insert(number));
                timeline.fold(Event { number, kind: EventKind::Promoted });
            }
            // And none of the best waits.
            let places = timeline.suggested() as usize / factor as usize;
            let mut best: Vec<u32> = (0..timeline.suggested()).collect();
            best.sort_by_key(|&number| (std::cmp::Reverse(scores[number as usize]), number));
            prop_assert!(best[..places].iter().all(|&best| promoted.contains(&TrialNumber(best))));
        }
    }

    #[test]
    fn the_order_of_arrival_has_no_influence_on_who_goes_on(
        scores in prop::collection::vec(0..12_u8, 3..40), turn in 0..40_usize,
    ) {
        let rest = |number: usize| rested(number as u32, 1, f64::from(scores[number]));
        let in_order: Vec<usize> = (0..scores.len()).collect();
        let mut turned = in_order.clone();
        turned.rotate_left(turn % scores.len());
        turned.reverse();
        let promotable = |order: &[usize]| {
            let events: Vec<_> = order.iter().flat_map(|&number| rest(number)).collect();
            let mut timeline = timeline(&events);
            let mut all = Vec::new();
            while let Some(number) = asha().promotable(&timeline) {
                all.push(number);
                timeline.fold(Event { number, kind: EventKind::Promoted });
            }
            all
        };
        let all = promotable(&in_order);
        prop_assert_eq!(all.len(), scores.len() / 3);
        prop_assert_eq!(all, promotable(&turned));
    }

    #[test]
    fn the_direction_changes_nothing_but_the_sign(
        pruner in pruners(), scores in prop::collection::vec(0..12_u8, 1..60),
    ) {
        let (accuracy, _) = decisions(pruner, Objective::ValidationAccuracy, &scores);
        let (error, _) = decisions(pruner, Objective::ValidationError, &scores);
        prop_assert_eq!(accuracy, error);
    }

    #[test]
    fn the_same_events_give_the_same_decisions(
        pruner in pruners(), scores in prop::collection::vec(0..12_u8, 1..60),
    ) {
        let first = decisions(pruner, Objective::default(), &scores);
        let second = decisions(pruner, Objective::default(), &scores);
        prop_assert_eq!(first.0, second.0);
        prop_assert!(first.1 == second.1);
    }
}
