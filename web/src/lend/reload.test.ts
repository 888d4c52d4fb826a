import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { memoryStorage } from "./memory-storage";
import { delayHere, prepareReload, reloadDelay, takeResumption } from "./reload";

beforeEach(() => vi.stubGlobal("sessionStorage", memoryStorage()));
afterEach(() => vi.unstubAllGlobals());

it("reloads at once, but never twice within a minute", () => {
  expect(reloadDelay(undefined, 1_000_000)).toBe(0);
  expect(reloadDelay(1_000_000, 1_010_000)).toBe(50_000);
  expect(reloadDelay(1_000_000, 1_060_000)).toBe(0);
});

it("does not wait for a clock that was set back", () => {
  expect(reloadDelay(9_000_000, 1_000_000)).toBe(0);
});

it("resumes once, with the same number of cores", () => {
  expect(takeResumption()).toBeUndefined();
  prepareReload(3, 1_000_000);
  expect(delayHere(1_020_000)).toBe(40_000);
  expect(takeResumption()).toBe(3);
  expect(takeResumption()).toBeUndefined();
});
