import { expect, it } from "vitest";

import { reproduced } from "./reproduction";

it("reads the study and the trial", () => {
  expect(reproduced("?reproduce=1/0")).toEqual({ study: 1, trial: 0 });
  expect(reproduced("?a=b&reproduce=12%2F345")).toEqual({ study: 12, trial: 345 });
});

it.each(["", "?reproduce=", "?reproduce=1", "?reproduce=a/b", "?reproduce=1/2/3", "?reproduce=-1/2", "?reproduce=1/1e9"])(
  "finds none in %j",
  (query) => {
    expect(reproduced(query)).toBeUndefined();
  },
);
