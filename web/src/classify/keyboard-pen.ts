// Drawing by keyboard: the arrows move a pen over the pad, the space bar puts it down and lifts it.

import type { Point, Stroke } from "./stroke";

export interface KeyboardPen extends Point {
  isDown: boolean;
}

/** Pad units for each press of an arrow. */
const STEP = 14;

const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A pen above the middle of the pad. */
export function raised(side: number): KeyboardPen {
  return { x: side / 2, y: side / 4, isDown: false };
}

/** Pen and strokes after a key; nothing if the key means nothing here. */
export function pressed(key: string, pen: KeyboardPen, strokes: readonly Stroke[], side: number): [KeyboardPen, readonly Stroke[]] | undefined {
  if (key === " ") return pen.isDown ? [{ ...pen, isDown: false }, strokes] : [{ ...pen, isDown: true }, [...strokes, [place(pen)]]];
  const arrow = ARROWS[key];
  if (!arrow) return undefined;
  const inside = (value: number): number => Math.min(side, Math.max(0, value));
  const moved = { ...pen, x: inside(pen.x + STEP * arrow[0]), y: inside(pen.y + STEP * arrow[1]) };
  return [moved, pen.isDown ? [...strokes.slice(0, -1), [...(strokes.at(-1) ?? []), place(moved)]] : strokes];
}

function place({ x, y }: Point): Point {
  return { x, y };
}
