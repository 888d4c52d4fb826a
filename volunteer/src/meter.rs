//! How fast a worker is, and when it is time to say so.

/// How often the speed is measured.
const MEASURED_MILLIS: u64 = 1_000;

/// Counts images.
#[derive(Debug)]
pub(crate) struct Meter {
    images: u32,
    since_millis: u64,
    per_sec: f32,
    report_millis: u64,
    reported_at_millis: u64,
}

impl Meter {
    /// One that has a report due every `report_secs`.
    pub(crate) fn new(report_secs: u32, now_millis: u64) -> Self {
        Self {
            images: 0,
            since_millis: now_millis,
            per_sec: 0.0,
            report_millis: u64::from(report_secs) * 1000,
            reported_at_millis: now_millis,
        }
    }

    /// Work begins only now.
    pub(crate) fn restart(&mut self, now_millis: u64) {
        self.since_millis = now_millis;
        self.reported_at_millis = now_millis;
    }

    /// So many more images are done.
    pub(crate) fn add(&mut self, images: u32) {
        self.images += images;
    }

    /// Images per second, as measured last.
    pub(crate) fn per_sec(&self) -> f32 {
        self.per_sec
    }

    /// Measures, where a second has passed; whether a report is due with that.
    pub(crate) fn is_due(&mut self, now_millis: u64) -> bool {
        let passed_millis = now_millis.saturating_sub(self.since_millis);
        if passed_millis < MEASURED_MILLIS {
            return false;
        }
        self.per_sec = self.images as f32 * 1000.0 / passed_millis as f32;
        self.images = 0;
        self.since_millis = now_millis;
        let is_due = now_millis.saturating_sub(self.reported_at_millis) >= self.report_millis;
        if is_due {
            self.reported_at_millis = now_millis;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_measured_each_second_and_reported_when_asked_for() {
        let mut meter = Meter::new(3, 0);
        let mut due = Vec::new();
        for now_millis in (500..=6_000).step_by(500) {
            meter.add(100);
            if meter.is_due(now_millis) {
                due.push(now_millis);
            }
            let expected = if now_millis < 1_000 { 0.0 } else { 200.0 };
            assert_eq!(meter.per_sec(), expected);
        }
        assert_eq!(due, [3_000, 6_000]);
    }
}
