import { expect, it } from "vitest";

import { progress } from "./progress";

const at = (step: number) => progress({ step, steps: 200, steps_per_epoch: 100 });

it("counts epochs from 1", () => {
  expect(at(0)).toEqual({ epoch: 1, epochs: 2, step: 0, stepsPerEpoch: 100 });
  expect(at(99)).toEqual({ epoch: 1, epochs: 2, step: 99, stepsPerEpoch: 100 });
  expect(at(100)).toEqual({ epoch: 2, epochs: 2, step: 0, stepsPerEpoch: 100 });
});

it("stays in the last epoch at the end", () => {
  expect(at(200)).toEqual({ epoch: 2, epochs: 2, step: 100, stepsPerEpoch: 100 });
});

it("knows nothing before the length is known", () => {
  expect(progress({ step: 0, steps: 0, steps_per_epoch: 0 }).epochs).toBe(0);
});
