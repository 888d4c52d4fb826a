//! What plots show of a study, small enough for a page whatever the number of trials: which trials
//! stand for all, how long the rest will take, how much was trained by how many. Does not know how it is drawn.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use tabsweep_protocol::StudyId;
use tabsweep_study::Timestamp;
use tokio::sync::Mutex;

use crate::store::{EpochCount, Sample, Shift};

/// Trials that a plot with a mark for each shows at most, beside the best.
pub const MOST_TRIALS: u32 = 1_000;
/// The best trials, shown in any case.
pub const BEST_TRIALS: u32 = 200;
/// Learning curves, beside those of the best.
pub const MOST_CURVES: u32 = 120;
/// The best trials' curves, shown in any case.
pub const BEST_CURVES: u32 = 10;
/// Leases that a timeline shows at most.
pub const MOST_SHIFTS: u32 = 2_000;
/// Stretches of time into which the time of those leases is cut.
const SLOTS: i64 = 60;
const LEAST_SLOT_MILLIS: i64 = 5_000;
/// How long an answer is good enough for the next who asks.
const KEPT_MILLIS: i64 = 2_000;

/// Every so-many-th of `total` trials, so that they are no more than `most`.
pub fn sample(total: u32, most: u32, best: u32) -> Sample {
    Sample {
        stride: total.div_ceil(most).max(1),
        best,
    }
}

/// Work done in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// When it begins.
    pub begin: Timestamp,
    /// Workers that had a trial, on average.
    pub workers: f64,
    /// Epochs trained a minute.
    pub epochs_per_min: f64,
}

/// How long the stretches are into which the time of `shifts` is cut, in milliseconds.
pub fn slot_millis(shifts: &[Shift], now: Timestamp) -> i64 {
    let Some(first) = shifts.first() else {
        return LEAST_SLOT_MILLIS;
    };
    let last = shifts.iter().map(|shift| end(shift, now)).max();
    let span = last.unwrap_or(now.0) - first.granted.0;
    (span / SLOTS).max(LEAST_SLOT_MILLIS)
}

/// Sets workers against what they trained, stretch by stretch. The first and the last stretch are left
/// out: they are not whole.
pub fn slots(shifts: &[Shift], counts: &[EpochCount], millis: i64, now: Timestamp) -> Vec<Slot> {
    let mut busy: HashMap<i64, i64> = HashMap::new();
    for shift in shifts {
        let (from, to) = (shift.granted.0, end(shift, now));
        for slot in from.div_euclid(millis)..=to.div_euclid(millis) {
            let overlap = to.min((slot + 1) * millis) - from.max(slot * millis);
            *busy.entry(slot).or_default() += overlap.max(0);
        }
    }
    let whole = counts.get(1..counts.len().saturating_sub(1));
    let minutes = millis as f64 / 60_000.0;
    let slot = |count: &EpochCount| Slot {
        begin: Timestamp(count.slot * millis),
        workers: busy.get(&count.slot).copied().unwrap_or(0) as f64 / millis as f64,
        epochs_per_min: f64::from(count.epochs) / minutes,
    };
    whole.unwrap_or_default().iter().map(slot).collect()
}

fn end(shift: &Shift, now: Timestamp) -> i64 {
    shift.ended.as_ref().map_or(now.0, |(at, _)| at.0)
}

/// Seconds until `left` more trials have ended, at the pace at which `ends` came; none while there are
/// too few to tell.
pub fn secs_left(ends: &[Timestamp], left: u32, now: Timestamp) -> Option<u64> {
    const FEWEST: usize = 3;
    let first = ends.first().filter(|_| ends.len() >= FEWEST)?;
    let millis_each = (now.0 - first.0) as f64 / (ends.len() - 1) as f64;
    Some((millis_each * f64::from(left) / 1_000.0).round() as u64)
}

/// A hyper-parameter's real value with five digits: as good as exact on a plot, and short.
pub fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Which answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlotKind {
    /// Trials with their settings and scores.
    Trials,
    /// Learning curves.
    Curves,
    /// Who had which trial when.
    Work,
}

type Answer = Arc<Mutex<Option<(Timestamp, Bytes)>>>;

/// Answers that are still good: many pages that look at the same study cost no more than one.
#[derive(Debug, Default)]
pub struct PlotCache(Mutex<HashMap<(StudyId, PlotKind), Answer>>);

impl PlotCache {
    /// The answer that is kept, or a new one. Who asks while it is made waits for it.
    ///
    /// # Errors
    /// It could not be made.
    pub async fn answer<E>(
        &self,
        study: StudyId,
        kind: PlotKind,
        now: Timestamp,
        make: impl AsyncFnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let answer = {
            let mut answers = self.0.lock().await;
            answers.entry((study, kind)).or_default().clone()
        };
        let mut kept = answer.lock().await;
        if let Some((made, bytes)) = &*kept
            && now.0 - made.0 < KEPT_MILLIS
        {
            return Ok(bytes.clone());
        }
        let bytes = make().await?;
        *kept = Some((now, bytes.clone()));
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::{TrialNumber, VolunteerId};

    use super::*;

    fn shift(granted: i64, ended: Option<i64>) -> Shift {
        Shift {
            number: TrialNumber(0),
            attempt: 1,
            worker: "w".into(),
            volunteer: (VolunteerId(1), "Ada".into()),
            granted: Timestamp(granted),
            ended: ended.map(|at| (Timestamp(at), "claimed".into())),
        }
    }

    #[test]
    fn a_sample_is_never_larger_than_asked_for() {
        for (total, stride) in [(0, 1), (1_000, 1), (1_001, 2), (50_000, 50)] {
            assert_eq!(sample(total, 1_000, 5).stride, stride, "{total}");
        }
    }

    #[test]
    fn work_is_set_against_the_workers_of_the_same_time() {
        let shifts = [shift(0, Some(40_000)), shift(10_000, None)];
        let now = Timestamp(40_000);
        let count = |slot, epochs| EpochCount { slot, epochs };
        let counts = [count(0, 1), count(1, 4), count(2, 2), count(3, 1)];
        let found = slots(&shifts, &counts, 10_000, now);
        let figures: Vec<_> = found
            .iter()
            .map(|slot| (slot.begin.0, slot.workers, slot.epochs_per_min))
            .collect();
        assert_eq!(figures, [(10_000, 2.0, 24.0), (20_000, 2.0, 12.0)]);
    }

    #[test]
    fn time_left_follows_the_pace_and_needs_a_few_ends() {
        let ends = [Timestamp(0), Timestamp(1_000), Timestamp(2_000)];
        assert_eq!(secs_left(&ends, 10, Timestamp(4_000)), Some(20));
        assert_eq!(secs_left(&ends[..2], 10, Timestamp(4_000)), None);
    }

    #[test]
    fn values_are_short_and_close() {
        assert_eq!(short(0.012_345_678_9), 0.012346);
        assert_eq!(short(0.0), 0.0);
    }

    #[tokio::test]
    async fn an_answer_is_made_once_until_it_is_old() {
        let cache = PlotCache::default();
        let ask = async |millis, text: &'static str| {
            let make = async || Ok::<_, ()>(Bytes::from_static(text.as_bytes()));
            let now = Timestamp(millis);
            cache.answer(StudyId(1), PlotKind::Trials, now, make).await
        };
        assert_eq!(ask(0, "first").await, Ok("first".into()));
        assert_eq!(ask(1_999, "second").await, Ok("first".into()));
        assert_eq!(ask(2_000, "third").await, Ok("third".into()));
    }
}
