//! How often workers speak and upload: the more there are, the more seldom, so that a crowd is no
//! harder to hear than a class.

use crate::app::Settings;

/// Reports of progress that the server wants to hear per second.
const REPORTS_PER_SEC: u32 = 2_000;
/// Checkpoints that it takes per second; each is flushed to the disk.
const CHECKPOINTS_PER_SEC: u32 = 100;

/// What a worker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Seconds between two reports of progress.
    pub(crate) progress_secs: u32,
    /// Seconds between two checkpoints.
    pub(crate) checkpoint_secs: u32,
}

impl Pace {
    /// With so many workers connected when a lease is granted. The holder reports four times at least
    /// before the lease would end.
    pub(crate) fn of(workers: usize, settings: Settings) -> Self {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        let most_silent = (settings.policy.lease_secs / 4).max(1);
        let progress_secs = workers.div_ceil(REPORTS_PER_SEC);
        let checkpoint_secs = workers.div_ceil(CHECKPOINTS_PER_SEC);
        Self {
            progress_secs: progress_secs.clamp(1, most_silent),
            checkpoint_secs: checkpoint_secs.max(settings.checkpoint_secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_speaks_more_seldom() {
        let settings = Settings::default();
        let pace = |workers| {
            let pace = Pace::of(workers, settings);
            (pace.progress_secs, pace.checkpoint_secs)
        };
        assert_eq!(pace(0), (1, 20));
        assert_eq!(pace(2_000), (1, 20));
        assert_eq!(pace(2_001), (2, 21));
        assert_eq!(pace(10_000), (5, 100));
        assert_eq!(pace(1_000_000), (15, 10_000));
    }
}
