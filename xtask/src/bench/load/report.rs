//! The figures of all loads beside their aims, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use crate::bench::load::Kind;
use crate::bench::load::case::{Case, Measured};
use crate::bench::machine::Machine;
use crate::bench::table::{Table, count};

/// All figures.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    loads: Vec<Load>,
}

#[derive(Debug, Serialize)]
struct Load {
    store: &'static str,
    name: String,
    note: String,
    figures: Vec<Figure>,
    rounds: Vec<Measured>,
}

/// One figure, with what it ought to be, if anything.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Figure {
    name: &'static str,
    text: String,
    aim: Option<&'static str>,
    is_reached: Option<bool>,
}

impl Report {
    /// No figures yet.
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            loads: Vec::new(),
        }
    }

    /// Adds the rounds of a load.
    pub fn add(&mut self, store: &'static str, case: &Case, rounds: &[Measured]) {
        self.loads.push(Load {
            store,
            name: case.name().to_owned(),
            note: case.note.clone(),
            figures: figures(case.kind, rounds),
            rounds: rounds.to_vec(),
        });
    }

    /// All of it, rounds included.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("figures hold nothing that JSON can't")
    }
}

fn figures(kind: Kind, rounds: &[Measured]) -> Vec<Figure> {
    let of = |value: &dyn Fn(&Measured) -> f64| median(rounds.iter().map(value).collect());
    let mut figures = match kind {
        Kind::Sockets => {
            let workers = of(&|round| round.simulated.workers as f64);
            let heard = of(&|round| round.simulated.heard_of as f64);
            let memory = of(&|round| round.server_peak_mib.unwrap_or(f64::NAN));
            let lease = of(&|round| round.simulated.lease_millis.p99);
            vec![
                figure("workers whose progress the server tells", count(heard))
                    .aim("all", heard >= workers),
                figure("most memory of the server, MiB", format!("{memory:.0}"))
                    .aim("≤ 500", memory <= 500.0),
                figure("ready → lease, 99th percentile, ms", format!("{lease:.1}"))
                    .aim("≤ 100", lease <= 100.0),
            ]
        }
        Kind::Cycles => {
            let cycles = of(&|round| round.simulated.claims_per_sec);
            let lease = of(&|round| round.simulated.lease_millis.p99);
            vec![
                figure("lease → claim, per second", count(cycles))
                    .aim("≥ 2,000", cycles >= 2_000.0),
                figure("ready → lease, 99th percentile, ms", format!("{lease:.0}")),
                per_cycle("server's time per cycle, ms", of(&server_millis)),
                per_cycle("simulator's time per cycle, ms", of(&simulator_millis)),
            ]
        }
        Kind::Verdicts => {
            let verdicts = of(&|round| round.simulated.verified_per_sec);
            vec![figure("verdicts per second", count(verdicts))]
        }
        Kind::Utilisation => {
            let busy = of(&|round| round.simulated.busy_share);
            let claims = of(&|round| round.simulated.claims_per_sec);
            vec![
                figure(
                    "share of time in training, %",
                    format!("{:.2}", busy * 100.0),
                )
                .aim("≥ 99", busy >= 0.99),
                figure("claims per second", count(claims)),
            ]
        }
    };
    let errors = rounds
        .iter()
        .map(|round| round.server_errors)
        .sum::<usize>();
    let lost = rounds.iter().map(|round| round.simulated.lost).sum::<u64>();
    figures.push(figure("errors in the server's log", errors.to_string()).aim("0", errors == 0));
    figures.push(figure("trials lost by a worker", lost.to_string()).aim("0", lost == 0));
    figures
}

/// Processor time over all claims, those of the warming up included; which is why it is a little
/// more than it costs.
fn server_millis(round: &Measured) -> f64 {
    let claims = round.simulated.claims as f64 * (1.0 + WARM_UP_SECS / round.simulated.secs);
    round.server_cpu_secs.unwrap_or(f64::NAN) * 1000.0 / claims
}

/// As in the loads that cycle.
const WARM_UP_SECS: f64 = 2.0;

fn simulator_millis(round: &Measured) -> f64 {
    round.simulated.cpu_secs.unwrap_or(f64::NAN) * 1000.0 / round.simulated.claims as f64
}

fn figure(name: &'static str, text: String) -> Figure {
    Figure {
        name,
        text,
        aim: None,
        is_reached: None,
    }
}

fn per_cycle(name: &'static str, millis: f64) -> Figure {
    figure(name, format!("{millis:.2}"))
}

impl Figure {
    fn aim(self, aim: &'static str, is_reached: bool) -> Self {
        Self {
            aim: Some(aim),
            is_reached: Some(is_reached),
            ..self
        }
    }

    fn cells(&self) -> [String; 3] {
        let ending = match self.is_reached {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "",
        };
        [
            self.text.clone(),
            self.aim.unwrap_or_default().to_owned(),
            ending.to_owned(),
        ]
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            cpu,
            cores,
            system,
            load_before,
            ..
        } = &self.machine;
        write!(formatter, "{cores} cores of {cpu}, {system}")?;
        match load_before {
            Some(load) => writeln!(formatter, ", load before {load}")?,
            None => writeln!(formatter)?,
        }
        for load in &self.loads {
            let rounds = load.rounds.len();
            writeln!(
                formatter,
                "\n{} on {} ({}; rounds: {rounds})",
                load.name, load.store, load.note
            )?;
            let headings = ["figure", "aim", ""].map(str::to_owned);
            let mut table = Table::new("", headings);
            for figure in &load.figures {
                table.add(figure.name, figure.cells());
            }
            write!(formatter, "{table}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_missed_aim_is_told() {
        let cells = figure("memory", "501".to_owned())
            .aim("≤ 500", false)
            .cells();
        assert_eq!(cells, ["501", "≤ 500", "MISSED"]);
    }
}
