import { expect, it } from "vitest";

import { curve, onePerEpoch } from "./curve";

const FRAME = { left: 40, right: 340, top: 10, bottom: 110 };

it("spans the frame, higher scores higher up", () => {
  const { points } = curve([{ epoch: 1, score: 0.9 }, { epoch: 2, score: 0.95 }, { epoch: 3, score: 1 }], FRAME);
  expect(points).toEqual([{ x: 40, y: 110 }, { x: 190, y: 60 }, { x: 340, y: 10 }]);
});

it("marks whole percents around the scores", () => {
  const { scores } = curve([{ epoch: 1, score: 0.913 }, { epoch: 2, score: 0.927 }], FRAME);
  expect(scores.map(({ score }) => score)).toEqual([0.91, (0.91 + 0.93) / 2, 0.93]);
});

it.each([[0], [0.5], [1]])("draws a single score of %s inside the frame", (score) => {
  const { points, epochs } = curve([{ epoch: 1, score }], FRAME);
  expect(points[0]?.x).toBe(190);
  expect(points[0]?.y).toBeGreaterThanOrEqual(FRAME.top);
  expect(points[0]?.y).toBeLessThanOrEqual(FRAME.bottom);
  expect(epochs).toEqual([{ epoch: 1, x: 190 }]);
});

it("marks few epochs however many there are", () => {
  const points = Array.from({ length: 150 }, (_, i) => ({ epoch: i + 1, score: 0.5 }));
  const marks = curve(points, FRAME).epochs.map(({ epoch }) => epoch);
  expect(marks[0]).toBe(1);
  expect(marks.length).toBeLessThanOrEqual(6);
});

it("takes an epoch that was trained twice once", () => {
  const points = [{ epoch: 2, score: 0.8 }, { epoch: 1, score: 0.7 }, { epoch: 2, score: 0.81 }];
  expect(onePerEpoch(points)).toEqual([{ epoch: 1, score: 0.7 }, { epoch: 2, score: 0.81 }]);
});
