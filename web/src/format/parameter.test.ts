import { expect, it } from "vitest";

import { label, text } from "./parameter";

it("shows names as words", () => {
  expect(label("conv1_channels")).toBe("conv1 channels");
});

it.each([
  [128, "128"],
  [0, "0"],
  [-3, "-3"],
  [0.1, "0.1"],
  [0.012345, "0.0123"],
  [0.00012345, "0.000123"],
  [0.000012345, "1.23e-5"],
  [0.00001, "1e-5"],
  [1234.5, "1.23e3"],
  [true, "yes"],
  [false, "no"],
  ["one_cycle", "one cycle"],
  [undefined, "–"],
])("shows %s as %s", (value, shown) => {
  expect(text(value)).toBe(shown);
});
