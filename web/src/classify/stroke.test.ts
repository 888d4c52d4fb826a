import { expect, it } from "vitest";

import { line, onPad } from "./stroke";

const p = (x: number, y: number) => ({ x, y });

it("makes a dot of a single point", () => {
  expect(line([p(3, 4)])).toEqual({ start: p(3, 4), curves: [{ control: p(3, 4), end: p(3, 4) }] });
});

it("joins two points straight", () => {
  expect(line([p(0, 0), p(10, 0)])).toEqual({ start: p(0, 0), curves: [{ control: p(10, 0), end: p(10, 0) }] });
});

it("passes through the middles and ends where the pen left", () => {
  expect(line([p(0, 0), p(10, 0), p(10, 10), p(0, 10)])?.curves).toEqual([
    { control: p(10, 0), end: p(10, 5) },
    { control: p(10, 10), end: p(5, 10) },
    { control: p(0, 10), end: p(0, 10) },
  ]);
});

it("has no line without points", () => {
  expect(line([])).toBeUndefined();
});

it("scales from the screen to the pad and stays on it", () => {
  const pad = { left: 100, top: 50, width: 140, height: 140 };
  expect(onPad(p(170, 85), pad, 280)).toEqual(p(140, 70));
  expect(onPad(p(90, 500), pad, 280)).toEqual(p(0, 280));
});
