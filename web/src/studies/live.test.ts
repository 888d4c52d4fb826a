import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { later, PAUSE_MILLIS, pace } from "./live";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("passes the first call on at once and the rest of a burst as one", () => {
  const run = vi.fn();
  const { call } = pace(run);
  for (let i = 0; i < 5; i += 1) call();
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(PAUSE_MILLIS);
  expect(run).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(10 * PAUSE_MILLIS);
  expect(run).toHaveBeenCalledTimes(2);
});

it("is silent after it was cancelled", () => {
  const run = vi.fn();
  const { call, cancel } = pace(run);
  call();
  call();
  cancel();
  vi.advanceTimersByTime(10 * PAUSE_MILLIS);
  expect(run).toHaveBeenCalledTimes(1);
});

it("gathers calls and runs once, later", () => {
  const run = vi.fn();
  const { call } = later(100, run);
  for (let i = 0; i < 3; i += 1) call();
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(100);
  call();
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(100);
  expect(run).toHaveBeenCalledTimes(2);
});
