import { expect, it } from "vitest";

import { ended, label, stateNamed } from "./trial-counts";

it("counts what needs no more work", () => {
  const counts = {
    waiting: 1,
    running: 2,
    checking: 4,
    verified: 8,
    diverged: 16,
    failed: 32,
    unsuggested: 64,
    paused: 128,
    pruned: 256,
    cancelled: 512,
  };
  expect(ended(counts)).toBe(8 + 16 + 32 + 256 + 512);
});

it("knows its states and no others", () => {
  expect(stateNamed("checking")).toBe("checking");
  expect(stateNamed("sleeping")).toBeUndefined();
  expect(stateNamed(null)).toBeUndefined();
  expect(label("diverged")).toBe("Diverged");
});
