//! The loads: how many workers do what, for how long, and what the figures ought to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::load::Kind;

/// One load.
#[derive(Clone, Debug)]
pub struct Case {
    pub kind: Kind,
    name: String,
    /// How it is meant, for the report.
    pub note: String,
    pub server: Vec<String>,
    pub simulator: Vec<String>,
}

/// Lengths of the trials that utilisation is measured with, in seconds.
const TRIAL_SECS: (f64, f64) = (20.0, 60.0);
/// Workers, and how many times faster than told their time passes.
const CREWS: [(usize, f64); 4] = [(13, 20.0), (100, 20.0), (1_000, 10.0), (10_000, 1.0)];
/// Workers of which each may say 20 messages a second: enough for any server on two cores.
const CYCLERS: usize = 600;
/// Claims from so few come no faster than they are checked, by far.
const CHECKED: usize = 32;

impl Case {
    /// All loads, in the order they are measured.
    pub fn all() -> Vec<Self> {
        let cycles = [
            ("with an epoch's report", None),
            ("bare", Some("--without-epochs")),
        ];
        let cycles = cycles
            .into_iter()
            .map(|(name, flag)| Self::cycles(name, flag));
        let crews = CREWS
            .into_iter()
            .map(|(workers, factor)| Self::utilisation(workers, factor));
        [Self::sockets()]
            .into_iter()
            .chain(cycles)
            .chain([Self::verdicts()])
            .chain(crews)
            .collect()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it takes seconds rather than a minute.
    pub fn is_quick(&self) -> bool {
        matches!(self.kind, Kind::Cycles | Kind::Verdicts)
    }

    fn sockets() -> Self {
        let simulator = "--workers 10000 --arrivals-per-sec 250 --arrivals-count --warmup-secs 0 \
                         --secs 15";
        Self {
            kind: Kind::Sockets,
            name: "10,000 sockets".to_owned(),
            note: "endless trials; 250 workers arrive per second; each reports and uploads \
                   checkpoints as often as the server says"
                .to_owned(),
            server: words("--verifiers 0"),
            simulator: words(simulator),
        }
    }

    fn cycles(name: &str, flag: Option<&str>) -> Self {
        let simulator = format!(
            "--workers {CYCLERS} --shortest-secs 0 --longest-secs 0 --warmup-secs 2 --secs 8 {}",
            flag.unwrap_or_default()
        );
        Self {
            kind: Kind::Cycles,
            name: format!("cycles, {name}"),
            note: format!("{CYCLERS} workers; lease, upload of the weights, claim; 8 s"),
            server: words("--verifiers 0"),
            simulator: words(&simulator),
        }
    }

    fn verdicts() -> Self {
        let simulator = format!(
            "--workers {CHECKED} --shortest-secs 0.1 --longest-secs 0.2 --warmup-secs 2 --secs 8"
        );
        Self {
            kind: Kind::Verdicts,
            name: "verdicts".to_owned(),
            note: format!("{CHECKED} workers; each claim scored on 100 + 100 images; 8 s"),
            server: Vec::new(),
            simulator: words(&simulator),
        }
    }

    fn utilisation(workers: usize, factor: f64) -> Self {
        let (shortest, longest) = (TRIAL_SECS.0 / factor, TRIAL_SECS.1 / factor);
        // Two of the longest trials, one after the other.
        let secs = (2.0 * longest).clamp(15.0, 60.0);
        let simulator = format!(
            "--workers {workers} --arrivals-per-sec 250 --shortest-secs {shortest} \
             --longest-secs {longest} --secs {secs}"
        );
        Self {
            kind: Kind::Utilisation,
            name: format!("utilisation of {workers} workers"),
            note: format!("trials of 20–60 s, {factor} times as fast; {secs} s"),
            server: words("--verifiers 0"),
            simulator: words(&simulator),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What came of a round.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub simulated: Simulated,
    /// Processor time of the server from the first connection to the last.
    pub server_cpu_secs: Option<f64>,
    /// Most memory that the server ever had, in MiB (VmHWM).
    pub server_peak_mib: Option<f64>,
    /// Lines in the server's log that are errors.
    pub server_errors: usize,
}

/// The simulator's report, as far as it is used here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Simulated {
    pub workers: usize,
    pub connected: usize,
    pub heard_of: usize,
    pub secs: f64,
    pub lease_millis: Quantiles,
    pub upload_millis: Quantiles,
    pub claim_millis: Quantiles,
    pub claims: usize,
    pub claims_per_sec: f64,
    pub verified_per_sec: f64,
    pub progress: u64,
    pub lost: u64,
    pub uploads_failed: u64,
    pub closed: BTreeMap<String, u64>,
    pub busy_share: f64,
    pub cpu_secs: Option<f64>,
}

/// Parts of a time that was measured many times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Quantiles {
    pub count: usize,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_load() {
        let cases = Case::all();
        for kind in Kind::ALL {
            assert!(cases.iter().any(|case| case.kind == kind), "{kind:?}");
        }
        let last = cases.last().unwrap();
        assert!(
            last.simulator
                .join(" ")
                .contains("--shortest-secs 20 --longest-secs 60")
        );
    }
}
