import { expect, it } from "vitest";

import { errorReduction } from "./reduction";

it.each([
  [0.99, 0.98, "50 %"],
  [0.98, 0.98, "0 %"],
  [0.96, 0.98, "−100 %"],
  [1, 0.98, "100 %"],
  [0.99, 1, "–"],
  [undefined, 0.98, "–"],
  [0.99, undefined, "–"],
])("%s against %s: %s", (score, reference, words) => {
  expect(errorReduction(score, reference)).toBe(words);
});
