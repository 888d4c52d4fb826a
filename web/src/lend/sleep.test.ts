import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { watchSleep } from "./sleep";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("tells of a standstill once, with its length", () => {
  let clock = 0;
  const onWake = vi.fn();
  watchSleep(onWake, () => clock);
  const pass = (millis: number): void => {
    clock += millis;
    vi.advanceTimersByTime(1_000);
  };
  pass(1_000);
  pass(3_000);
  expect(onWake).not.toHaveBeenCalled();
  pass(90_000);
  pass(1_000);
  expect(onWake).toHaveBeenCalledExactlyOnceWith(90_000);
});
