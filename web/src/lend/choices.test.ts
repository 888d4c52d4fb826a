import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { defaultCores, possibleCores, rememberChoices, rememberedChoices } from "./choices";
import { memoryStorage } from "./memory-storage";

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
  rememberChoices({ cores: 6, nickname: "Ada" });
  expect(rememberedChoices(8)).toEqual({ cores: 6, nickname: "Ada" });
  expect(rememberedChoices(4)).toEqual({ cores: 4, nickname: "Ada" });
});

it.each(["", "{", "null", "[]", '{"cores":"many"}'])("starts over when %j was kept", (kept) => {
  localStorage.setItem("tabsweep.choices", kept);
  expect(rememberedChoices(8)).toEqual({ cores: 4, nickname: "" });
});

it("works where nothing can be kept", () => {
  vi.stubGlobal("localStorage", undefined);
  rememberChoices({ cores: 3, nickname: "" });
  expect(rememberedChoices(2)).toEqual({ cores: 1, nickname: "" });
});
