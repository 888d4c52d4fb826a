import { expect, it } from "vitest";

import { searchFor, studyAddress, studyIn } from "./address";

const USUAL = { x: undefined, by: undefined, contourX: undefined, contourY: undefined, brushes: {} };
const CHOSEN = {
  x: "dropout",
  by: "",
  contourX: "learning_rate",
  contourY: "hidden_units",
  brushes: { score: { low: 0.25, high: 1 }, learning_rate: { low: 0, high: 0.333 } },
};

it.each([
  ["/studies", undefined],
  ["/studies/", undefined],
  ["/studies/7", 7],
  ["/studies/7/", 7],
  ["/studies/seven", "unknown"],
  ["/studies/7/trials", "unknown"],
])("finds the study in %s", (path, id) => {
  expect(studyIn(path)).toBe(id);
});

it("reads back what it wrote", () => {
  for (const address of [
    { state: undefined, page: 1, trial: undefined, plots: USUAL },
    { state: "failed" as const, page: 3, trial: 0, plots: USUAL },
    { state: undefined, page: 1, trial: undefined, plots: CHOSEN },
  ]) {
    expect(studyAddress(searchFor(address))).toEqual(address);
  }
});

it("ignores what makes no sense", () => {
  expect(studyAddress("?state=sleeping&page=0&trial=-4&x=a+b&brush=x:2:3&brush=nothing")).toEqual({ state: undefined, page: 1, trial: undefined, plots: USUAL });
});

it("keeps the usual address short", () => {
  expect(searchFor({ state: undefined, page: 1, trial: undefined, plots: USUAL })).toBe("");
});
