//! How speeds are shown: a table for people, JSON for programs.
//! Decides which ratios have names; measures nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::bench::candidate::Candidate;
use crate::bench::case::Case;
use crate::bench::figures::{Rounds, Summary};
use crate::bench::machine::Machine;
use crate::bench::request::{KernelSpeed, Work};
use crate::bench::table::{Table, count};
use crate::bench::train::{KERNEL_BATCH, Measured, Slot};

/// A ratio of the product to somebody else that has a name in the JSON.
struct Comparison {
    /// Without the case's suffix.
    name: &'static str,
    work: Work,
    over: Candidate,
    under: Candidate,
}

impl Comparison {
    const fn of_step(name: &'static str, under: Candidate) -> Self {
        Self {
            name,
            work: Work::Step,
            over: Candidate::Chromium,
            under,
        }
    }

    const fn of_forward(name: &'static str, under: Candidate) -> Self {
        Self {
            work: Work::Forward,
            ..Self::of_step(name, under)
        }
    }
}

const COMPARISONS: [Comparison; 9] = [
    Comparison::of_step("ratio_step_wasm_vs_pytorch", Candidate::PytorchBest),
    Comparison::of_step(
        "ratio_step_wasm_vs_pytorch_default",
        Candidate::PytorchAsWritten,
    ),
    Comparison::of_step("ratio_step_wasm_vs_candle_wasm", Candidate::Candle),
    Comparison::of_step("ratio_step_wasm_vs_native", Candidate::Native),
    Comparison::of_forward("ratio_forward_wasm_vs_tfjs_wasm", Candidate::Tfjs),
    Comparison::of_forward("ratio_forward_wasm_vs_pytorch", Candidate::PytorchBest),
    Comparison::of_forward(
        "ratio_forward_wasm_vs_pytorch_default",
        Candidate::PytorchAsWritten,
    ),
    Comparison::of_forward("ratio_forward_wasm_vs_candle_wasm", Candidate::Candle),
    Comparison::of_forward("ratio_forward_wasm_vs_native", Candidate::Native),
];

/// The batch that names without a suffix are of.
const USUAL_BATCH: usize = 64;

/// All figures of a run.
#[derive(Debug)]
pub struct Report<'a> {
    machine: Machine,
    rounds: usize,
    seconds: f64,
    is_mnist: bool,
    measured: &'a Measured,
}

impl<'a> Report<'a> {
    /// The figures of `rounds` rounds, of `seconds` for each measurement.
    #[must_use]
    pub fn new(
        machine: Machine,
        rounds: usize,
        seconds: f64,
        is_mnist: bool,
        measured: &'a Measured,
    ) -> Self {
        Self {
            machine,
            rounds,
            seconds,
            is_mnist,
            measured,
        }
    }

    /// All figures, ratios at the top.
    #[must_use]
    pub fn json(&self) -> String {
        let ratios = self.ratios();
        let medians = ratios
            .iter()
            .map(|(name, ratio)| (name.clone(), json!(ratio.median)));
        let mut all: serde_json::Map<String, Value> = medians.collect();
        let rest = [
            ("machine", json!(self.machine)),
            ("data", json!(self.data())),
            ("rounds", json!(self.rounds)),
            ("seconds_per_round", json!(self.seconds)),
            ("speeds_images_per_sec", self.speeds()),
            ("peak_128_bit", json!(self.measured.peaks)),
            ("kernels", self.kernels()),
            ("memory_mib", json!(self.measured.memory)),
            ("ratios", json!(ratios)),
        ];
        all.extend(rest.map(|(name, value)| (name.to_owned(), value)));
        let mut text = format!("{:#}", Value::Object(all));
        text.push('\n');
        text
    }

    fn data(&self) -> &'static str {
        if self.is_mnist {
            "mnist"
        } else {
            "synthetic-digits"
        }
    }

    fn speeds(&self) -> Value {
        let speed = |(slot, rounds): (&Slot, &Rounds)| {
            json!({
                "candidate": slot.candidate,
                "case": slot.case,
                "batch": slot.batch,
                "work": slot.work,
                "configuration": self.measured.configurations.get(slot),
                "images_per_sec": rounds.summary(),
            })
        };
        self.measured.speeds.iter().map(speed).collect()
    }

    fn kernels(&self) -> Value {
        let mut kernels = Vec::new();
        for ((case, candidate), speeds) in &self.measured.kernels {
            for speed in speeds {
                kernels.push(json!({
                    "case": case,
                    "batch": KERNEL_BATCH,
                    "candidate": candidate,
                    "name": speed.name,
                    "gflops": speed.gflops,
                    "micros": speed.micros,
                    "percent_of_peak": self.percent_of_peak(*candidate, speed),
                }));
            }
        }
        kernels.into()
    }

    fn percent_of_peak(&self, candidate: Candidate, speed: &KernelSpeed) -> f64 {
        100.0 * speed.gflops / self.measured.peaks[&candidate].gflops
    }

    /// Kernels of one case in the rows, places in the columns.
    fn kernel_table(&self, case: Case) -> Table {
        let all = self.measured.kernels.iter();
        let places = all.filter(|((of, _), _)| *of == case);
        let places: Vec<_> = places
            .map(|((_, place), speeds)| (*place, speeds))
            .collect();
        let headings = places.iter().map(|(place, _)| place.to_string());
        let mut table = Table::new("kernel: µs, GFLOP/s, % of peak", headings);
        let names = places.first().map(|(_, speeds)| speeds.as_slice());
        for (row, KernelSpeed { name, .. }) in names.unwrap_or_default().iter().enumerate() {
            let cell = |(place, speeds): &(Candidate, &Vec<KernelSpeed>)| {
                let speed = &speeds[row];
                let percent = self.percent_of_peak(*place, speed);
                format!("{:.0}  {:5.1}  {percent:3.0} %", speed.micros, speed.gflops)
            };
            table.add(name, places.iter().map(cell));
        }
        table
    }

    fn ratios(&self) -> BTreeMap<String, Summary> {
        let mut ratios = BTreeMap::new();
        for comparison in &COMPARISONS {
            for (slot, rounds) in &self.measured.speeds {
                if let Some(ratio) = self.ratio(comparison, slot, rounds) {
                    ratios.insert(ratio_name(comparison, slot), ratio);
                }
            }
        }
        ratios
    }

    fn ratio(&self, comparison: &Comparison, slot: &Slot, rounds: &Rounds) -> Option<Summary> {
        let Comparison {
            work, over, under, ..
        } = *comparison;
        if slot.work != work || slot.candidate != over {
            return None;
        }
        let candidate = under;
        let other = self.measured.speeds.get(&Slot { candidate, ..*slot })?;
        rounds.ratio_to(other).summary()
    }

    /// The cases that were measured, in batches.
    fn batches(&self) -> BTreeMap<Case, Vec<usize>> {
        let mut batches: BTreeMap<Case, Vec<usize>> = BTreeMap::new();
        for Slot { case, batch, .. } in self.measured.speeds.keys() {
            let known = batches.entry(*case).or_default();
            if !known.contains(batch) {
                known.push(*batch);
            }
        }
        batches
    }

    fn cell(&self, slot: &Slot) -> String {
        let rounds = self.measured.speeds.get(slot);
        match rounds.and_then(Rounds::summary) {
            Some(Summary {
                median, min, max, ..
            }) => {
                format!("{} ({}–{})", count(median), count(min), count(max))
            }
            None => "–".to_owned(),
        }
    }

    fn case_table(&self, case: Case, batches: &[usize]) -> Table {
        let kinds = [Work::Forward, Work::Step];
        let kinds = kinds
            .iter()
            .flat_map(|work| batches.iter().map(move |batch| (*work, *batch)));
        let kinds: Vec<(Work, usize)> = kinds.collect();
        let heading = kinds
            .iter()
            .map(|(work, batch)| format!("{work}, batch {batch}"));
        let mut table = Table::new("images/s", heading);
        for &candidate in Candidate::value_variants() {
            let slot = |&(work, batch): &(Work, usize)| Slot {
                case,
                batch,
                work,
                candidate,
            };
            let slots: Vec<Slot> = kinds.iter().map(slot).collect();
            if slots
                .iter()
                .any(|slot| self.measured.speeds.contains_key(slot))
            {
                table.add(
                    &candidate.to_string(),
                    slots.iter().map(|slot| self.cell(slot)),
                );
            }
        }
        table
    }

    fn ratio_table(&self) -> Table {
        let mut table = Table::new("ratio", ["median".to_owned(), "range".to_owned()]);
        for (name, ratio) in self.ratios() {
            let Summary {
                median, min, max, ..
            } = ratio;
            table.add(
                &name,
                [format!("{median:.2}"), format!("{min:.2}–{max:.2}")],
            );
        }
        table
    }

    fn machine_table(&self) -> Table {
        let mut table = Table::new("", ["GFLOP/s".to_owned(), "memory, MiB".to_owned()]);
        for (candidate, peak) in &self.measured.peaks {
            let memory = self.measured.memory.get(candidate).into_iter().flatten();
            let memory = memory.filter_map(|(name, mib)| Some((name, (*mib)?)));
            let memory: Vec<String> = memory
                .map(|(name, mib)| {
                    format!("{} {mib:.0}", name.replace("_mib", "").replace('_', " "))
                })
                .collect();
            table.add(
                &candidate.to_string(),
                [format!("{:.1}", peak.gflops), memory.join(", ")],
            );
        }
        table
    }
}

fn ratio_name(comparison: &Comparison, slot: &Slot) -> String {
    let case = slot.case.suffix();
    match slot.batch {
        USUAL_BATCH => format!("{}{case}", comparison.name),
        batch => format!("{}{case}_batch{batch}", comparison.name),
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cores, .. } = &self.machine;
        writeln!(
            formatter,
            "\n{cpu}, {cores} cores; {}; {} rounds of {} s: median (range)",
            self.data(),
            self.rounds,
            self.seconds
        )?;
        for (case, batches) in self.batches() {
            writeln!(formatter, "\n({case}) {}", case.title())?;
            write!(formatter, "{}", self.case_table(case, &batches))?;
        }
        let configurations = &self.measured.configurations;
        for (slot, configuration) in configurations {
            let Slot {
                case, batch, work, ..
            } = slot;
            writeln!(
                formatter,
                "{}, ({case}), {work}, batch {batch}: {configuration}",
                slot.candidate
            )?;
        }
        writeln!(
            formatter,
            "\n128-bit peak of one core, and memory in case (c), batch 64"
        )?;
        write!(formatter, "{}", self.machine_table())?;
        let cases: BTreeSet<Case> = self
            .measured
            .kernels
            .keys()
            .map(|(case, _)| *case)
            .collect();
        for case in cases {
            writeln!(formatter, "\nkernels of ({case}), batch {KERNEL_BATCH}")?;
            write!(formatter, "{}", self.kernel_table(case))?;
        }
        write!(formatter, "\n{}", self.ratio_table())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::request::Peak;

    fn machine() -> Machine {
        Machine {
            cpu: "a processor".to_owned(),
            cores: 2,
            memory_gib: None,
            system: "a system".to_owned(),
            load_before: None,
            versions: BTreeMap::new(),
        }
    }

    fn measured() -> Measured {
        let mut measured = Measured::default();
        let speeds = [
            (Candidate::Chromium, Case::A, 64, [3_000.0, 1_500.0]),
            (Candidate::PytorchBest, Case::A, 64, [2_000.0, 1_000.0]),
            (Candidate::Chromium, Case::B, 128, [800.0, 800.0]),
            (Candidate::PytorchAsWritten, Case::B, 128, [200.0, 400.0]),
        ];
        for (candidate, case, batch, rounds) in speeds {
            let work = Work::Step;
            let slot = Slot {
                case,
                batch,
                work,
                candidate,
            };
            measured.speeds.insert(slot, rounds.into_iter().collect());
        }
        let (gflops, chains) = (50.0, 12);
        measured
            .peaks
            .insert(Candidate::Chromium, Peak { gflops, chains });
        let kernel = KernelSpeed {
            name: "convolution".to_owned(),
            gflops: 40.0,
            micros: 250.0,
        };
        measured
            .kernels
            .insert((Case::A, Candidate::Chromium), vec![kernel]);
        measured
    }

    #[test]
    fn ratios_stand_at_the_top_under_names_of_case_and_batch() {
        let measured = measured();
        let json = Report::new(machine(), 2, 1.0, true, &measured).json();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["ratio_step_wasm_vs_pytorch"], 1.5);
        assert_eq!(json["ratio_step_wasm_vs_pytorch_default_b_batch128"], 3.0);
        assert_eq!(
            json["ratios"]["ratio_step_wasm_vs_pytorch_default_b_batch128"]["max"],
            4.0
        );
        assert_eq!(json.get("ratio_step_wasm_vs_pytorch_b"), None);
        assert_eq!(
            json["speeds_images_per_sec"][0]["images_per_sec"]["median"],
            2_250.0
        );
        assert_eq!(json["kernels"][0]["percent_of_peak"], 80.0);
        assert_eq!(json["data"], "mnist");
    }

    #[test]
    fn the_table_names_everybody_who_was_measured() {
        let measured = measured();
        let text = Report::new(machine(), 2, 1.0, true, &measured).to_string();
        assert!(text.contains("2,250 (1,500–3,000)"), "{text}");
        assert!(text.contains("PyTorch, best configured"), "{text}");
        assert!(!text.contains("TensorFlow.js"), "{text}");
        assert!(
            text.contains("convolution") && text.contains("80 %"),
            "{text}"
        );
    }
}
