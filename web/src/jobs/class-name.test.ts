import { expect, it } from "vitest";

import { className } from "./class-name";

it.each([
  [7, "7", "Class 7"],
  [0, "tench, Tinca tinca", "tench (class 0)"],
  [285, "Egyptian cat", "Egyptian cat (class 285)"],
])("calls class %i, %s, %s", (label, name, expected) => {
  expect(className(label, name)).toBe(expected);
});
