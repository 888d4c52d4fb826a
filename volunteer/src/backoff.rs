//! How long to wait before the next try: longer each time, and not in step with other workers.

/// Waiting times between tries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    tries: u32,
    salt: u64,
}

const FIRST_MILLIS: u64 = 500;
const LONGEST_MILLIS: u64 = 15_000;

impl Backoff {
    /// Workers with different `salt`s spread out.
    pub(crate) fn new(salt: u64) -> Self {
        Self { tries: 0, salt }
    }

    /// The waiting time before the next try, in milliseconds: between half and all of a span that
    /// doubles up to a bound.
    pub(crate) fn next_millis(&mut self) -> u64 {
        let span = (FIRST_MILLIS << self.tries.min(10)).min(LONGEST_MILLIS);
        self.tries += 1;
        self.salt = self
            .salt
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        span / 2 + (self.salt >> 33) % (span / 2)
    }

    /// The last try succeeded.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_over() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<_> = (0..12).map(|_| backoff.next_millis()).collect();
        assert!((250..500).contains(&waits[0]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST_MILLIS));
        assert!(waits[11] >= LONGEST_MILLIS / 2);
        backoff.reset();
        assert!(backoff.next_millis() < 500);
    }
}
