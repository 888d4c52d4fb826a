import { expect, it } from "vitest";

import { ago, duration } from "./time";

it("uses the largest unit that fits", () => {
  expect(duration(59_999)).toBe("59 s");
  expect(duration(60_000)).toBe("1 min");
  expect(duration(3_599_999)).toBe("59 min");
  expect(duration(3_600_000)).toBe("1 h");
  expect(duration(86_400_000)).toBe("1 day");
  expect(duration(3 * 86_400_000)).toBe("3 days");
});

it("forgives clocks that disagree", () => {
  expect(ago(10_000, 9_000)).toBe("just now");
  expect(ago(0, 65_000)).toBe("1 min ago");
});
