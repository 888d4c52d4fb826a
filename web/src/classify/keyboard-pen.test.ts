import { expect, it } from "vitest";

import { pressed, raised, type KeyboardPen } from "./keyboard-pen";
import type { Stroke } from "./stroke";

/** Pen and strokes after keys on an empty pad of 280. */
function after(keys: readonly string[]): [KeyboardPen, readonly Stroke[]] {
  let [pen, strokes]: [KeyboardPen, readonly Stroke[]] = [raised(280), []];
  for (const key of keys) [pen, strokes] = pressed(key, pen, strokes, 280) ?? [pen, strokes];
  return [pen, strokes];
}

it("draws only while the pen is down", () => {
  const [pen, strokes] = after(["ArrowLeft", " ", "ArrowDown", "ArrowDown", " ", "ArrowRight", " "]);
  expect(strokes).toEqual([[{ x: 126, y: 70 }, { x: 126, y: 84 }, { x: 126, y: 98 }], [{ x: 140, y: 98 }]]);
  expect(pen.isDown).toBe(true);
});

it("stays on the pad, and leaves other keys alone", () => {
  expect(after(Array.from({ length: 40 }, () => "ArrowUp"))[0].y).toBe(0);
  expect(pressed("Tab", raised(280), [], 280)).toBeUndefined();
});
