import { expect, it } from "vitest";

import { categoryAxis, elapsed, linearMarks, logMarks, numberAxis, parameterAxis, scoreAxis } from "./axis";

it.each([
  [0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0, 97, 5, [0, 20, 40, 60, 80]],
  [0.95, 0.99, 4, [0.95, 0.96, 0.97, 0.98, 0.99]],
])("marks %d to %d roundly", (low, high, most, marks) => {
  expect(linearMarks(low, high, most)).toEqual(marks);
});

it.each([
  [0.001, 0.1, 8, [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]],
  [0.001, 0.1, 5, [0.001, 0.003, 0.01, 0.03, 0.1]],
  [0.001, 0.1, 3, [0.001, 0.01, 0.1]],
  [1e-6, 10, 4, [1e-6, 0.0001, 0.01, 1]],
])("marks %d to %d by powers", (low, high, most, marks) => {
  expect(logMarks(low, high, most)).toEqual(marks);
});

it("spaces a logarithmic axis by factors", () => {
  const { place } = numberAxis("rate", [0.001, 0.1], true, [0, 100]);
  expect(place(0.01)).toBeCloseTo(50);
  expect(place(0)).toBeUndefined();
  expect(place("sgd")).toBeUndefined();
});

it("spaces scores by their errors: halving them is the same step everywhere", () => {
  const { place, ticks } = scoreAxis("score", [0.9, 0.99], [200, 0]);
  const at = (score: number): number => place(score) ?? Number.NaN;
  expect(at(0.96) - at(0.98)).toBeCloseTo(at(0.98) - at(0.99));
  expect(at(0.99)).toBeLessThan(at(0.9));
  expect(ticks.map(({ label }) => label)).toEqual(["99 %", "98 %", "95 %", "90 %"]);
});

it("reads back what it placed", () => {
  for (const isLog of [true, false]) {
    const { place, read } = numberAxis("rate", [1, 100], isLog, [10, 200]);
    expect(read(place(7) ?? 0)).toBe("7");
  }
  const { place, read } = categoryAxis("optimizer", ["adamw", "sgd"], [0, 10]);
  expect(read(place("sgd") ?? 0)).toBe("sgd");
});

it("takes the kind of axis from the space, and makes room for values beyond it", () => {
  const range = { type: "int" as const, low: 32, high: 128, log: true };
  const { place } = parameterAxis("hidden_units", range, [64, 512], [0, 100]);
  expect(place(512)).toBeCloseTo(100);
  expect(parameterAxis("optimizer", undefined, ["sgd"], [0, 100]).isCategory).toBe(true);
});

it.each([
  [0, "0"],
  [45_000, "45 s"],
  [5_400_000, "1 h 30 min"],
  [90_061_000, "1 d 1 h"],
])("says %d ms as %s", (millis, words) => {
  expect(elapsed(millis)).toBe(words);
});
