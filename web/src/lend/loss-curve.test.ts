import { expect, it } from "vitest";

import { path, scale, smoothed, withPoint, type LossPoint } from "./loss-curve";

it("adds what is new and nothing twice", () => {
  let points: readonly LossPoint[] = [];
  for (const step of [1, 2, 2, 1, 3]) points = withPoint(points, { step, loss: 1 }, 3);
  expect(points.map(({ step }) => step)).toEqual([1, 2, 3]);
});

it("stays small and keeps the newest point", () => {
  let points: readonly LossPoint[] = [];
  for (let step = 1; step <= 10_001; step += 1) points = withPoint(points, { step, loss: 1 }, 10_001);
  expect(points.length).toBeGreaterThan(100);
  expect(points.length).toBeLessThanOrEqual(250);
  expect(points.at(-1)?.step).toBe(10_001);
  const gaps = points.slice(1).map(({ step }, i) => step - (points[i]?.step ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(100);
});

it("smooths towards the mean", () => {
  const jumping = Array.from({ length: 100 }, (_, i) => ({ step: i, loss: i % 2 === 0 ? 1 : 3 }));
  const last = smoothed(jumping).at(-1)?.loss ?? 0;
  expect(last).toBeGreaterThan(1.7);
  expect(last).toBeLessThan(2.3);
});

it("takes powers of two around all losses for its axis", () => {
  const losses = [2.3, 0.7, 0.3].map((loss, step) => ({ step, loss }));
  expect(scale(losses, 10)).toEqual({ steps: 10, low: 0.25, high: 4 });
  expect(scale([], 10)).toEqual({ steps: 10, low: 0.5, high: 2 });
  expect(scale([{ step: 1, loss: 1 }], 10)).toEqual({ steps: 10, low: 1, high: 2 });
});

it("draws from the upper left to the lower right as a loss halves", () => {
  const points = [
    { step: 0, loss: 2 },
    { step: 5, loss: 1 },
    { step: 10, loss: 0.5 },
  ];
  expect(path(points, { steps: 10, low: 0.5, high: 2 }, 100, 40)).toBe("M0 0L50 20L100 40");
  expect(path([], { steps: 10, low: 0.5, high: 2 }, 100, 40)).toBe("");
});
