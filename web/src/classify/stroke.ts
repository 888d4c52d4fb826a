// A pen's way over the pad, and the smooth line through it.

export interface Point {
  x: number;
  y: number;
}

/** Where the pen was between touching and leaving the pad, in pad units. */
export type Stroke = readonly Point[];

/** A smooth line: where it begins, then quadratic curves, each with its control point and end. */
export interface Line {
  start: Point;
  curves: { control: Point; end: Point }[];
}

/**
 * The line through a stroke: each point the pen reported pulls the line towards itself, and the line
 * passes through the middle between two of them. A dot becomes a line of no length. A stroke
 * without points has no line.
 */
export function line(stroke: Stroke): Line | undefined {
  const start = stroke[0];
  const last = stroke.at(-1);
  if (!start || !last) return undefined;
  const curves = stroke.slice(1, -1).map((control, index) => {
    const next = stroke[index + 2] ?? last;
    return { control, end: middle(control, next) };
  });
  return { start, curves: [...curves, { control: last, end: last }] };
}

/** A place on the screen in pad units, kept inside the pad. */
export function onPad(client: Point, pad: { left: number; top: number; width: number; height: number }, side: number): Point {
  const inside = (value: number) => Math.min(side, Math.max(0, value));
  return {
    x: inside(((client.x - pad.left) / pad.width) * side),
    y: inside(((client.y - pad.top) / pad.height) * side),
  };
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
