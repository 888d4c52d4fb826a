import { expect, it } from "vitest";

import type { StudyDetail } from "../api/types";
import { space } from "./space";

const of = (ranges: Record<string, unknown>) => space({ space: ranges as StudyDetail["space"] });

it("tells what varies from what is fixed", () => {
  const ranges = {
    learning_rate: { type: "float", low: 0.001, high: 0.1, log: true },
    kernel_size: { type: "fixed", value: 5 },
    batch_norm: { type: "fixed", value: false },
    dropout: { type: "categorical", choices: [0, 0.1] },
  };
  expect(of(ranges)).toEqual({
    swept: ["dropout", "learning_rate"],
    fixed: [
      ["batch_norm", false],
      ["kernel_size", 5],
    ],
    ranges: new Map<string, unknown>([
      ["dropout", ranges.dropout],
      ["learning_rate", ranges.learning_rate],
    ]),
  });
});

it("takes unknown ranges for swept ones", () => {
  expect(of({ depth: { type: "fractal" }, width: null })).toEqual({ swept: ["depth", "width"], fixed: [], ranges: new Map() });
});
