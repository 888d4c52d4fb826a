import { expect, it } from "vitest";

import { count, loss, percent, share, speed } from "./number";

it("groups thousands", () => {
  expect(count(1234567)).toBe("1,234,567");
});

it("shows scores with two decimals, and a dash for none", () => {
  expect(percent(0.99184)).toBe("99.18 %");
  expect(percent(1)).toBe("100.00 %");
  expect(percent(0)).toBe("0.00 %");
  expect(percent(null)).toBe("–");
});

it("says 100 only when all is done", () => {
  expect(share(999, 1000)).toBe(99);
  expect(share(1000, 1000)).toBe(100);
  expect(share(1001, 1000)).toBe(100);
  expect(share(0, 0)).toBe(0);
});

it("shows no speed before there is one", () => {
  expect(speed(0)).toBe("–");
  expect(speed(12345.6)).toBe("12,346");
});

it("names a loss that is no number", () => {
  expect(loss(0.12345)).toBe("0.1235");
  expect(loss(Number.NaN)).toBe("not a number");
  expect(loss(null)).toBe("–");
});
