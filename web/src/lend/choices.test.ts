import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { defaultCores, possibleCores, rememberChoices, rememberedChoices, type Choices } from "./choices";
import { memoryStorage } from "./memory-storage";

const GENTLE: Choices = { cores: 4, power: 100, pausesOnBattery: true, yields: true, staysAwake: true, nickname: "" };

beforeEach(() => vi.stubGlobal("localStorage", memoryStorage()));
afterEach(() => vi.unstubAllGlobals());

it("lends half of the cores, at least one", () => {
  expect([1, 2, 3, 8].map(defaultCores)).toEqual([1, 1, 1, 4]);
});

it("never asks for more cores than there are, or for none", () => {
  expect(possibleCores(9, 4)).toBe(4);
  expect(possibleCores(0, 4)).toBe(1);
  expect(possibleCores(2.7, 4)).toBe(2);
  expect(possibleCores(Number.NaN, 4)).toBe(2);
});

it("remembers what was chosen, within what this machine has", () => {
  const chosen: Choices = { cores: 6, power: 50, pausesOnBattery: false, yields: false, staysAwake: false, nickname: "Ada" };
  rememberChoices(chosen);
  expect(rememberedChoices(8)).toEqual(chosen);
  expect(rememberedChoices(4)).toEqual({ ...chosen, cores: 4 });
});

it.each(["", "{", "null", "[]", '{"cores":"many","power":"all","nickname":7}'])("starts over when %j was kept", (kept) => {
  localStorage.setItem("tabsweep.choices", kept);
  expect(rememberedChoices(8)).toEqual(GENTLE);
});

it("keeps what it understands of choices from before there were as many", () => {
  localStorage.setItem("tabsweep.choices", '{"cores":3,"nickname":"Ada"}');
  expect(rememberedChoices(8)).toEqual({ ...GENTLE, cores: 3, nickname: "Ada" });
});

it("never works less than a quarter of the time, or more than all of it", () => {
  rememberChoices({ ...GENTLE, power: 1 });
  expect(rememberedChoices(8).power).toBe(25);
  rememberChoices({ ...GENTLE, power: 900 });
  expect(rememberedChoices(8).power).toBe(100);
});

it("works where nothing can be kept", () => {
  vi.stubGlobal("localStorage", undefined);
  rememberChoices({ ...GENTLE, cores: 3 });
  expect(rememberedChoices(2)).toEqual({ ...GENTLE, cores: 1 });
});
