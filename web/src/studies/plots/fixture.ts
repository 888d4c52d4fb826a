// A small study as plots get it, made up and the same every time, for tests.

import type { CurveList, ImportanceRow, TrialColumns, WorkView } from "../../api/types";
import type { Range } from "../space";

/** When the study was created. */
export const SINCE = 1_000_000;

export const RANGES: ReadonlyMap<string, Range> = new Map<string, Range>([
  ["hidden_units", { type: "int", low: 32, high: 128, log: true }],
  ["learning_rate", { type: "float", low: 1e-3, high: 1e-1, log: true }],
  ["optimizer", { type: "categorical", choices: ["adamw", "sgd"] }],
]);

const COUNT = 24;
const RATES = [0.001, 0.003, 0.01, 0.03, 0.08];
const UNITS = [32, 64, 128];

const numbers = Array.from({ length: COUNT }, (_, number) => number);
const rate = (number: number): number => RATES[number % RATES.length] ?? 0;
const units = (number: number): number => UNITS[number % UNITS.length] ?? 0;
const score = (number: number): number =>
  0.99 - 0.012 * (Math.log10(rate(number)) + 2) ** 2 - 0.1 / units(number) - 0.0001 * (number % 4);

/** Trial 5 rests, trial 6 is pruned, trial 7 is being trained, the others are verified. */
const STATES: Readonly<Record<number, string>> = { 5: "paused", 6: "pruned", 7: "running" };

export const TRIALS: TrialColumns = {
  total: COUNT,
  stride: 1,
  number: numbers,
  state: numbers.map((number) => STATES[number] ?? "verified"),
  score: numbers.map((number) => (number === 7 ? null : score(number))),
  test_score: numbers.map((number) => (number in STATES ? null : score(number) - 0.001)),
  changed_millis: numbers.map((number) => SINCE + (number + 1) * 20_000),
  parameters: {
    hidden_units: numbers.map(units),
    learning_rate: numbers.map(rate),
    optimizer: numbers.map((number) => (number % 2 === 0 ? "adamw" : "sgd")),
  },
  best: { millis: [SINCE + 20_000, SINCE + 60_000], score: [score(0), score(2)], trial: [0, 2] },
};

export const CURVES: CurveList = {
  total: COUNT,
  curves: numbers.slice(0, 7).map((number) => ({
    trial: number,
    epoch: [1, 2, 3, 4],
    score: [0.9, 0.95, 0.97, 0.98].map((reached) => reached - 0.003 * number),
  })),
};

export const IMPORTANCE: ImportanceRow[] = [
  { parameter: "learning_rate", importance: 0.71 },
  { parameter: "hidden_units", importance: 0.24 },
  { parameter: "optimizer", importance: 0.05 },
];

/** Two workers; the first lost trial 1, and the second took it on. */
export const WORK: WorkView = {
  now_millis: SINCE + 100_000,
  workers: [
    { worker: "aaaa1111", volunteer: { id: 1, nickname: "Ada" } },
    { worker: "bbbb2222", volunteer: { id: 2, nickname: "Blaise with a long name" } },
  ],
  leases: {
    worker: [0, 0, 1, 1],
    trial: [0, 1, 2, 1],
    attempt: [1, 1, 1, 2],
    granted_millis: [0, 30_000, 10_000, 60_000].map((millis) => SINCE + millis),
    ended_millis: [SINCE + 29_000, SINCE + 50_000, SINCE + 55_000, null],
    ended: ["claimed", "expired", "pruned", null],
  },
  slots: [
    { begin_millis: SINCE, workers: 1, epochs_per_min: 10 },
    { begin_millis: SINCE + 20_000, workers: 2, epochs_per_min: 19 },
    { begin_millis: SINCE + 40_000, workers: 2, epochs_per_min: 18 },
    { begin_millis: SINCE + 60_000, workers: 1, epochs_per_min: 11 },
  ],
};
