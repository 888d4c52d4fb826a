//! What time it is: the system's in service, a test's own in tests. Deadlines stand in the store as
//! times of day, so a clock that somebody sets while the server runs must not move them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tabsweep_study::Timestamp;

/// Tells the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The time of day at the start, and what has passed since by a clock that nobody sets.
    Steady {
        /// Since 1970.
        at_start: Duration,
        /// When that was.
        started: Instant,
    },
    /// One that stands still until it is set.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now`.
    pub fn manual(now: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.0)))
    }

    /// The system's clock, as it stands now, and unmoved by whoever sets it later.
    pub fn system() -> Self {
        Self::steady(SystemTime::now())
    }

    fn steady(now: SystemTime) -> Self {
        Self::Steady {
            at_start: now.duration_since(UNIX_EPOCH).unwrap_or_default(),
            started: Instant::now(),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Steady { at_start, started } => {
                let since = *at_start + started.elapsed();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock; the system's goes its own way.
    pub fn advance_secs(&self, secs: u32) {
        self.shift_secs(i64::from(secs));
    }

    /// Sets a manual clock on or back; the system's goes its own way.
    pub fn shift_secs(&self, secs: i64) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(secs * 1000, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_counts_at_the_start_only() {
        let clock = Clock::steady(UNIX_EPOCH + Duration::from_secs(1_000));
        let first = clock.now();
        assert!((1_000_000..1_100_000).contains(&first.0), "{first:?}");
        std::thread::sleep(Duration::from_millis(5));
        assert!(clock.now() > first);
    }
}
