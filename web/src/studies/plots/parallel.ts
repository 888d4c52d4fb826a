// Parallel coordinates: a line a trial through the values of all its hyper-parameters, coloured by its
// score. Ranges that are set on axes keep the lines that pass through all of them.

import type { TrialColumns, Value } from "../../api/types";
import { label as nameOf, text } from "../../format/parameter";
import type { Range } from "../space";
import { parameterAxis, scoreAxis, type Axis } from "./axis";
import { described, GRADES, grades, scored, trialPoints, type ScoredPoint } from "./data";
import { canvas, type Hit, type Plot, type Size } from "./plot";
import { pathThrough, svg, type SvgNode } from "./svg";

/** A range on an axis, as shares of its height from the bottom. */
export interface Brush {
  low: number;
  high: number;
}

export type Brushes = Readonly<Record<string, Brush>>;

/** The name of the score's axis among the brushes. */
export const SCORE = "score";

/** Pixels from one axis to the next, at least. */
export const LEAST_GAP = 84;

const SIDE = 56;
const TOP = 44;
const BOTTOM = 18;

/** Where each axis stands. */
export interface Column {
  name: string;
  x: number;
  axis: Axis;
}

/** From bottom to top of every axis. */
export function columnSpan({ height }: Size): [number, number] {
  return [height - BOTTOM, TOP];
}

export function parallel(columns: TrialColumns, ranges: ReadonlyMap<string, Range>, brushes: Brushes, size: Size): Plot {
  const points = scored(trialPoints(columns), false);
  const names = Object.keys(columns.parameters);
  const all = columnsOf(points, names, ranges, size);
  const lines = points.map((point) => all.flatMap(({ name, x, axis }) => corner(x, axis.place(valueOf(point, name)))));
  const kept = points.map((_, index) => passes(all, lines[index] ?? [], brushes, size));
  const grade = grades(points.map(({ score }) => score));
  const of = (wanted: number): SvgNode =>
    svg("path", { class: `thread grade-${wanted}`, d: joined(lines, (index) => kept[index] === true && grade[index] === wanted) });
  return {
    drawing: canvas(
      size,
      svg("path", { class: "thread out", d: joined(lines, (index) => !kept[index]) }),
      ...Array.from({ length: GRADES }, (_, wanted) => of(wanted)),
      ...all.map((column) => upright(column, brushes[column.name], size)),
    ),
    hits: points.flatMap((point, index): Hit[] =>
      kept[index] ? (lines[index] ?? []).map((place) => ({ ...place, label: described(point, names), trial: point.trial })) : [],
    ),
    table: {
      columns: ["trial", ...names.map(nameOf), "validation score"],
      rows: points
        .filter((_, index) => kept[index])
        .map((point) => [point.trial, ...names.map((name) => text(point.parameters[name] ?? undefined)), point.score]),
      trialColumn: 0,
    },
    summary: `${kept.filter(Boolean).length} of ${points.length} trials pass through the ranges that are set.`,
  };
}

/** All axes, evenly spaced: the hyper-parameters by name, then the score. */
export function columnsOf(points: readonly ScoredPoint[], names: readonly string[], ranges: ReadonlyMap<string, Range>, size: Size): Column[] {
  const span = columnSpan(size);
  const gap = names.length > 0 ? (size.width - 2 * SIDE) / names.length : 0;
  const parameters = names.map((name, index) => {
    const values = points.map((point) => point.parameters[name] ?? null);
    return { name, x: SIDE + index * gap, axis: parameterAxis(name, ranges.get(name), values, span) };
  });
  const score = scoreAxis(SCORE, points.map((point) => point.score), span);
  return [...parameters, { name: SCORE, x: SIDE + names.length * gap, axis: score }];
}

function valueOf(point: ScoredPoint, name: string): Value | null | undefined {
  return name === SCORE ? point.score : point.parameters[name];
}

function corner(x: number, y: number | undefined): { x: number; y: number }[] {
  return y === undefined ? [] : [{ x, y }];
}

function joined(lines: readonly { x: number; y: number }[][], isWanted: (index: number) => boolean): string {
  return lines.map((places, index) => (isWanted(index) ? pathThrough(places) : "")).join("");
}

function passes(columns: readonly Column[], places: readonly { x: number; y: number }[], brushes: Brushes, size: Size): boolean {
  return Object.entries(brushes).every(([name, brush]) => {
    const x = columns.find((column) => column.name === name)?.x;
    const place = places.find((one) => one.x === x);
    if (x === undefined) return true;
    return place !== undefined && isWithin(shareOf(place.y, size), brush);
  });
}

function isWithin(share: number, { low, high }: Brush): boolean {
  const slack = 1e-6;
  return share >= low - slack && share <= high + slack;
}

/** How far up its axis a place is, from 0 to 1. */
function shareOf(y: number, size: Size): number {
  const [bottom, top] = columnSpan(size);
  return Math.min(1, Math.max(0, (bottom - y) / (bottom - top)));
}

/** An axis with its name above, its values beside, and the range that is set on it. */
function upright({ name, x, axis }: Column, brush: Brush | undefined, size: Size): SvgNode {
  const [bottom, top] = columnSpan(size);
  const height = bottom - top;
  const marks = axis.ticks.map(({ at, label }) => svg("text", { class: "mark beside", x: x - 5, y: at + 4 }, label));
  return svg(
    "g",
    { class: "upright" },
    svg("line", { class: "axis", x1: x, x2: x, y1: top, y2: bottom }),
    brush ? svg("rect", { class: "brush", x: x - 7, width: 14, y: bottom - brush.high * height, height: (brush.high - brush.low) * height }) : null,
    ...marks,
    ...nameLines(nameOf(name)).map((part, index, all) =>
      svg("text", { class: "title over", x, y: top - 12 - 14 * (all.length - 1 - index) }, part),
    ),
  );
}

/** A long name in two lines. */
function nameLines(name: string): string[] {
  const words = name.split(" ");
  if (name.length <= 11 || words.length === 1) return [name];
  const half = Math.ceil(words.length / 2);
  return [words.slice(0, half).join(" "), words.slice(half).join(" ")];
}
