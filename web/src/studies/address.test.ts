import { expect, it } from "vitest";

import { searchFor, studyAddress, studyIn } from "./address";

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
    { state: undefined, page: 1, trial: undefined },
    { state: "failed" as const, page: 3, trial: 0 },
  ]) {
    expect(studyAddress(searchFor(address))).toEqual(address);
  }
});

it("ignores what makes no sense", () => {
  expect(studyAddress("?state=sleeping&page=0&trial=-4")).toEqual({ state: undefined, page: 1, trial: undefined });
});

it("keeps the usual address short", () => {
  expect(searchFor({ state: undefined, page: 1, trial: undefined })).toBe("");
});
