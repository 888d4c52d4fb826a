//! What the simulated workers saw: how long answers took, what was acknowledged, and which share of
//! their time the workers trained.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{LeaseToken, Sha256, StudyId, TrialNumber};

/// A claim that the server has said it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The study.
    pub study: StudyId,
    /// The trial.
    pub trial: TrialNumber,
    /// The lease that it was claimed under.
    pub lease: LeaseToken,
    /// The weights.
    pub sha256: Sha256,
}

/// Everything that is counted, shared by all workers.
#[derive(Debug)]
pub struct Figures {
    counts: Mutex<Counts>,
    clocks: Mutex<Vec<Clock>>,
    journal: Mutex<Vec<Acknowledged>>,
}

#[derive(Debug)]
struct Counts {
    since: Instant,
    lease_millis: Vec<f32>,
    upload_millis: Vec<f32>,
    claim_millis: Vec<f32>,
    progress: u64,
    unanswered: u64,
    closed: BTreeMap<u16, u64>,
    uploads_failed: u64,
}

/// A worker's time.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    connected: bool,
    /// From here on it could have trained.
    first_lease: Option<Instant>,
    trains_since: Option<Instant>,
    trained: Duration,
}

/// The parts of something that has been measured many times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many times.
    pub count: usize,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// What is reported of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Workers that were started.
    pub workers: usize,
    /// Workers whose socket is open and greeted at the end.
    pub connected: usize,
    /// Workers that ever had a lease.
    pub leased: usize,
    /// Length of the stretch.
    pub secs: f64,
    /// From `ready` to the lease, where work was there.
    pub lease_millis: Quantiles,
    /// From the first byte of an upload to its answer.
    pub upload_millis: Quantiles,
    /// From a claim to its answer.
    pub claim_millis: Quantiles,
    /// Claims taken: whole cycles from lease to claim.
    pub claims: usize,
    /// Claims taken per second.
    pub claims_per_sec: f64,
    /// Reports of progress sent.
    pub progress: u64,
    /// Trials in hand that ended otherwise than by a claim that was taken.
    pub lost: u64,
    /// Uploads that did not arrive.
    pub uploads_failed: u64,
    /// Sockets that closed, by code.
    pub closed: BTreeMap<u16, u64>,
    /// Time in training over time since the first lease, over all workers.
    pub busy_share: f64,
}

impl Figures {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            counts: Mutex::new(Counts::new()),
            clocks: Mutex::new(vec![Clock::default(); workers]),
            journal: Mutex::default(),
        }
    }

    /// Forgets what was counted so far, but neither who has a lease nor what was acknowledged: what
    /// comes now is what is measured.
    pub fn start_over(&self) {
        *locked(&self.counts) = Counts::new();
        let now = Instant::now();
        for clock in locked(&self.clocks).iter_mut() {
            clock.trained = Duration::ZERO;
            clock.first_lease = clock.first_lease.map(|_| now);
            clock.trains_since = clock.trains_since.map(|_| now);
        }
    }

    /// How many workers have had a lease.
    pub fn leased(&self) -> usize {
        let clocks = locked(&self.clocks);
        clocks
            .iter()
            .filter(|clock| clock.first_lease.is_some())
            .count()
    }

    /// All claims that the server has said it took, in the order in which it said so.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        locked(&self.journal).clone()
    }

    /// What was seen since the beginning, or since [`Figures::start_over`].
    pub fn report(&self) -> Report {
        let now = Instant::now();
        let clocks = locked(&self.clocks).clone();
        let counts = locked(&self.counts);
        let secs = (now - counts.since).as_secs_f64();
        let claims = counts.claim_millis.len();
        Report {
            workers: clocks.len(),
            connected: clocks.iter().filter(|clock| clock.connected).count(),
            leased: clocks
                .iter()
                .filter(|clock| clock.first_lease.is_some())
                .count(),
            secs,
            lease_millis: Quantiles::of(&counts.lease_millis),
            upload_millis: Quantiles::of(&counts.upload_millis),
            claim_millis: Quantiles::of(&counts.claim_millis),
            claims,
            claims_per_sec: claims as f64 / secs,
            progress: counts.progress,
            lost: counts.unanswered,
            uploads_failed: counts.uploads_failed,
            closed: counts.closed.clone(),
            busy_share: busy_share(&clocks, now),
        }
    }

    pub(crate) fn connection(&self, worker: usize, connected: bool) {
        locked(&self.clocks)[worker].connected = connected;
    }

    pub(crate) fn got_lease(&self, worker: usize, after: Option<Duration>) {
        if let Some(after) = after {
            locked(&self.counts).lease_millis.push(millis(after));
        }
        locked(&self.clocks)[worker]
            .first_lease
            .get_or_insert_with(Instant::now);
    }

    pub(crate) fn trains(&self, worker: usize) {
        locked(&self.clocks)[worker].trains_since = Some(Instant::now());
    }

    /// The worker trained until `until`, which may be a little while ago.
    pub(crate) fn trained(&self, worker: usize, until: Instant) {
        let clock = &mut locked(&self.clocks)[worker];
        if let Some(since) = clock.trains_since.take() {
            clock.trained += until.saturating_duration_since(since);
        }
    }

    pub(crate) fn uploaded(&self, after: Duration) {
        locked(&self.counts).upload_millis.push(millis(after));
    }

    pub(crate) fn upload_failed(&self) {
        locked(&self.counts).uploads_failed += 1;
    }

    pub(crate) fn claimed(&self, acknowledged: Acknowledged, after: Duration) {
        // The journal first: whoever counts claims finds them there.
        locked(&self.journal).push(acknowledged);
        locked(&self.counts).claim_millis.push(millis(after));
    }

    pub(crate) fn lost(&self) {
        locked(&self.counts).unanswered += 1;
    }

    pub(crate) fn progressed(&self) {
        locked(&self.counts).progress += 1;
    }

    pub(crate) fn closed(&self, code: u16) {
        *locked(&self.counts).closed.entry(code).or_default() += 1;
    }
}

impl Counts {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            lease_millis: Vec::new(),
            upload_millis: Vec::new(),
            claim_millis: Vec::new(),
            progress: 0,
            unanswered: 0,
            closed: BTreeMap::new(),
            uploads_failed: 0,
        }
    }
}

impl Quantiles {
    fn of(values: &[f32]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f32::total_cmp);
        // The smallest value that at least this share of all does not exceed.
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted
                .get(rank.saturating_sub(1))
                .map_or(0.0, |value| f64::from(*value))
        };
        Self {
            count: sorted.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

fn busy_share(clocks: &[Clock], now: Instant) -> f64 {
    let (mut trained, mut there) = (0.0, 0.0);
    for clock in clocks {
        let Some(first) = clock.first_lease else {
            continue;
        };
        let under_way = clock
            .trains_since
            .map_or(Duration::ZERO, |since| now - since);
        trained += (clock.trained + under_way).as_secs_f64();
        there += (now - first).as_secs_f64();
    }
    if there > 0.0 { trained / there } else { 0.0 }
}

fn millis(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f32> = (1..=100).rev().map(|value| value as f32).collect();
        let quantiles = Quantiles::of(&values);
        assert_eq!(
            (quantiles.p50, quantiles.p99, quantiles.max),
            (50.0, 99.0, 100.0)
        );
        assert_eq!(Quantiles::of(&[]), Quantiles::default());
    }

    #[test]
    fn a_worker_counts_from_its_first_lease_on() {
        let now = Instant::now();
        let ago = |secs| Some(now - Duration::from_secs(secs));
        let idle = Clock {
            first_lease: ago(10),
            ..Clock::default()
        };
        let busy = Clock {
            first_lease: ago(10),
            trains_since: ago(4),
            trained: Duration::from_secs(6),
            ..Clock::default()
        };
        let unheard = Clock::default();
        assert!((busy_share(&[idle, busy, unheard], now) - 0.5).abs() < 1e-9);
    }
}
