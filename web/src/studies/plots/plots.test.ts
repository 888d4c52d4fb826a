// Every plot of the same small study, as drawings to look at and compare.

import { describe, expect, it } from "vitest";

import { bestSoFar } from "./best-so-far";
import { contour, LEVELS } from "./contour";
import { CURVES, IMPORTANCE, RANGES, SINCE, TRIALS, WORK } from "./fixture";
import { importance } from "./importance";
import { learningCurves } from "./learning-curves";
import { parallel } from "./parallel";
import { csv, nearest, type Plot } from "./plot";
import { svgFile } from "./save";
import { perWorker, scaling } from "./scaling";
import { sensitivity } from "./sensitivity";
import { svgText } from "./svg";
import { timeline } from "./timeline";

const SIZE = { width: 520, height: 320 };
const EMPTY = {
  ...TRIALS,
  total: 0,
  number: [],
  state: [],
  score: [],
  test_score: [],
  changed_millis: [],
  parameters: { hidden_units: [], learning_rate: [], optimizer: [] },
  best: { millis: [], score: [], trial: [] },
};
const IDLE = { ...WORK, workers: [], slots: [], leases: { worker: [], trial: [], attempt: [], granted_millis: [], ended_millis: [], ended: [] } };
const PAIR = { across: "learning_rate", up: "hidden_units" };
const GROUPS = { across: "learning_rate", by: "hidden_units" };

const PLOTS: Record<string, () => Plot> = {
  "best-so-far": () => bestSoFar(TRIALS, SINCE, SIZE),
  "learning-curves": () => learningCurves(CURVES, SIZE),
  sensitivity: () => sensitivity(TRIALS, RANGES, GROUPS, SIZE),
  contour: () => contour(TRIALS, RANGES, PAIR, SIZE),
  parallel: () => parallel(TRIALS, RANGES, { learning_rate: { low: 0.4, high: 0.6 } }, SIZE),
  importance: () => importance(IMPORTANCE, SIZE),
  timeline: () => timeline(WORK, SIZE),
  scaling: () => scaling(WORK, SIZE),
};

const EMPTY_PLOTS: Record<string, () => Plot> = {
  "best-so-far": () => bestSoFar(EMPTY, SINCE, SIZE),
  "learning-curves": () => learningCurves({ total: 0, curves: [] }, SIZE),
  sensitivity: () => sensitivity(EMPTY, RANGES, GROUPS, SIZE),
  contour: () => contour(EMPTY, RANGES, PAIR, SIZE),
  parallel: () => parallel(EMPTY, RANGES, {}, SIZE),
  importance: () => importance([], SIZE),
  timeline: () => timeline(IDLE, SIZE),
  scaling: () => scaling(IDLE, SIZE),
};

describe.each(Object.entries(PLOTS))("%s", (name, make) => {
  it("is drawn as before", async () => {
    await expect(svgText(make().drawing)).toMatchFileSnapshot(`./drawings/${name}.svg`);
  });

  it("has places for a pointer within its drawing, and a table", () => {
    const { hits, table } = make();
    expect(hits.length).toBeGreaterThan(0);
    for (const { x, y } of hits) {
      expect(x >= 0 && x <= SIZE.width && y >= 0 && y <= SIZE.height, `${x}, ${y}`).toBe(true);
    }
    expect(table.rows.length).toBeGreaterThan(0);
    for (const row of table.rows) expect(row).toHaveLength(table.columns.length);
  });

  it("is drawn of nothing", () => {
    const plot = EMPTY_PLOTS[name]?.();
    expect(plot?.summary).toMatch(/\.$/);
    expect(svgText(plot?.drawing ?? { tag: "svg", attributes: {}, children: [] })).not.toMatch(/NaN|Infinity|undefined/);
  });
});

it("draws a surface only where there are enough trials, with all its levels", () => {
  expect(svgText(contour(TRIALS, RANGES, PAIR, SIZE).drawing)).toContain(`level-${LEVELS - 1}`);
  expect(svgText(contour(EMPTY, RANGES, PAIR, SIZE).drawing)).not.toContain("level-");
});

it("ties a lost lease to the next of its trial", () => {
  expect(svgText(timeline(WORK, SIZE).drawing).match(/class="tie"/g)).toHaveLength(1);
});

it("keeps the trials that pass through all ranges", () => {
  const brushes = { learning_rate: { low: 0.4, high: 0.6 }, optimizer: { low: 0, high: 0.5 } };
  const { table } = parallel(TRIALS, RANGES, brushes, SIZE);
  expect(table.rows.map((row) => [row[2], row[3]])).toEqual(table.rows.map(() => ["0.01", "adamw"]));
  expect(table.rows.length).toBeGreaterThan(0);
});

it("takes the speed of one worker from where there was one", () => {
  expect(perWorker(WORK.slots)).toBe(10.5);
});

it("finds what is nearest, and nothing from afar", () => {
  const hits = [1, 2].map((trial) => ({ x: trial * 10, y: 0, label: "", trial }));
  expect(nearest(hits, 16, 0, 8)?.trial).toBe(2);
  expect(nearest(hits, 60, 0, 8)).toBeUndefined();
});

it("writes tables as CSV", () => {
  expect(csv({ columns: ["trial", "who"], rows: [[1, 'Ada "the first", or so'], [2, null]] })).toBe(
    'trial,who\r\n1,"Ada ""the first"", or so"\r\n2,\r\n',
  );
});

it("saves a drawing with its colours", () => {
  const file = svgFile(bestSoFar(TRIALS, SINCE, SIZE).drawing, (variable) => `colour of ${variable}`);
  expect(file).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const variable of ["--plot-dot", "--group-0", "--level-6", "--ink", "--lost"]) {
    expect(file).toContain(`${variable}: colour of ${variable};`);
  }
});
