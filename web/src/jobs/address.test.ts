import { expect, it } from "vitest";

import { jobIn } from "./address";

it.each([
  ["/jobs", undefined],
  ["/jobs/", undefined],
  ["/jobs/12", 12],
  ["/jobs/twelve", "unknown"],
  ["/jobs/1/labels", "unknown"],
])("finds the job in %s", (path, id) => {
  expect(jobIn(path)).toBe(id);
});
