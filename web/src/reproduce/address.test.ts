import { expect, it } from "vitest";

import { trialIn } from "./address";

it("finds the trial to reproduce", () => {
  expect(trialIn("?reproduce=3/14")).toEqual({ study: 3, trial: 14 });
});

it.each(["", "?reproduce=", "?reproduce=3", "?reproduce=3/x", "?reproduce=-1/2"])("finds none in %s", (search) => {
  expect(trialIn(search)).toBeUndefined();
});
