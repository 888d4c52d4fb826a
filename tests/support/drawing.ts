// Plain digits of one stroke each, and a mouse that draws them on the pad.

import type { Page } from "@playwright/test";

/** A point on the pad; both sides are 1 long. */
export type Point = readonly [x: number, y: number];

export const ZERO: readonly Point[] = Array.from({ length: 41 }, (_, i) => {
  const angle = (i / 40) * 2 * Math.PI;
  return [0.5 + 0.24 * Math.sin(angle), 0.5 - 0.34 * Math.cos(angle)] as const;
});
export const ONE: readonly Point[] = [[0.52, 0.14], [0.5, 0.5], [0.48, 0.86]];
export const SEVEN: readonly Point[] = [[0.26, 0.2], [0.5, 0.19], [0.74, 0.18], [0.6, 0.5], [0.46, 0.86]];

/** Draws one stroke on the pad with the mouse. */
export async function draw(page: Page, stroke: readonly Point[]): Promise<void> {
  const pad = page.getByLabel("Drawing pad");
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  if (!box) throw new Error("the drawing pad is not shown");
  const [first, ...rest] = stroke.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height] as const);
  if (!first) throw new Error("a stroke has at least one point");
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const point of rest) await page.mouse.move(...point, { steps: 3 });
  await page.mouse.up();
}
