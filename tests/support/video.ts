// A film that a browser shows in place of a camera: one frame of ink on paper, in the format YUV4MPEG2.

import { writeFileSync } from "node:fs";

import type { Point } from "./drawing";

const WIDTH = 640;
const HEIGHT = 480;
const INK_WIDTH = 26;

/** Writes the film of a stroke in the middle of a sheet. */
export function writeFilm(path: string, stroke: readonly Point[]): void {
  const points = stroke.map(([x, y]) => [WIDTH / 2 + (x - 0.5) * 360, HEIGHT / 2 + (y - 0.5) * 360] as const);
  const brightness = Buffer.alloc(WIDTH * HEIGHT);
  for (let i = 0; i < brightness.length; i += 1) brightness[i] = isInk(points, i % WIDTH, Math.floor(i / WIDTH)) ? 50 : 210;
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const head = `YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420mpeg2\n`;
  writeFileSync(path, Buffer.concat([Buffer.from(head), Buffer.from("FRAME\n"), brightness, colour]));
}

function isInk(points: readonly Point[], x: number, y: number): boolean {
  return points.slice(1).some((to, i) => distance([x, y], points[i] ?? to, to) < INK_WIDTH / 2);
}

/** From a point to the stretch between two others. */
function distance([x, y]: Point, [fromX, fromY]: Point, [toX, toY]: Point): number {
  const [alongX, alongY] = [toX - fromX, toY - fromY];
  const share = ((x - fromX) * alongX + (y - fromY) * alongY) / (alongX ** 2 + alongY ** 2);
  const inside = Math.min(1, Math.max(0, share));
  return Math.hypot(x - fromX - inside * alongX, y - fromY - inside * alongY);
}
