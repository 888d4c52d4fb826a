// What every plot is: a drawing, the places where a pointer finds something, and the same as a table.

import type { Axis } from "./axis";
import { svg, type SvgNode } from "./svg";

export interface Size {
  width: number;
  height: number;
  /** Where the middle begins, if there has to be more space above it than usual. */
  top?: number;
}

/** A place that says something, and the trial that it is about. */
export interface Hit {
  x: number;
  y: number;
  label: string;
  trial: number | undefined;
}

/** What a cell of a table holds; a trial's number can be opened. */
export type Cell = string | number | null;

export interface Table {
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
  /** Which column has trials' numbers. */
  trialColumn?: number;
}

export interface Plot {
  drawing: SvgNode;
  hits: readonly Hit[];
  table: Table;
  /** What there is to see, in a sentence. */
  summary: string;
}

/** Space for the marks and titles of axes around the middle of a plot. */
export const MARGIN = { left: 72, right: 16, top: 14, bottom: 46 } as const;

/** The whole drawing. */
export function canvas({ width, height }: Size, ...children: (SvgNode | null)[]): SvgNode {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "plot" }, ...children);
}

/** From left to right within the margins. */
export function acrossSpan({ width }: Size): [number, number] {
  return [MARGIN.left, width - MARGIN.right];
}

/** From bottom to top within the margins. */
export function upSpan({ height, top = MARGIN.top }: Size): [number, number] {
  return [height - MARGIN.bottom, top];
}

/** Both axes with their lines, marks and titles. */
export function axes(size: Size, across: Axis, up: Axis): SvgNode {
  const [left, right] = acrossSpan(size);
  const [bottom, top] = upSpan(size);
  const upMarks = up.ticks.flatMap(({ at, label }) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
    svg("text", { class: "mark up", x: left - 8, y: at + 4 }, label),
  ]);
  const acrossMarks = across.ticks.flatMap(({ at, label }) => [
    svg("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }),
    svg("text", { class: "mark across", x: at, y: bottom + 17 }, label),
  ]);
  return svg(
    "g",
    { class: "axes" },
    ...upMarks,
    ...acrossMarks,
    svg("text", { class: "title across", x: (left + right) / 2, y: size.height - 8 }, across.title),
    svg("text", { class: "title up", transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)` }, up.title),
  );
}

/** The hit nearest to a place, if one is near. */
export function nearest(hits: readonly Hit[], x: number, y: number, within: number): Hit | undefined {
  let best: Hit | undefined;
  let least = within * within;
  for (const hit of hits) {
    const distance = (hit.x - x) ** 2 + (hit.y - y) ** 2;
    if (distance <= least) [best, least] = [hit, distance];
  }
  return best;
}

/** A table as CSV (RFC 4180). */
export function csv({ columns, rows }: Table): string {
  const lines = [columns, ...rows].map((cells) => cells.map(field).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

function field(cell: Cell): string {
  const text = cell === null ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
