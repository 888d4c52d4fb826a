// Contour: the score over two hyper-parameters, interpolated between the trials there are.

import { contours } from "d3-contour";

import type { TrialColumns } from "../../api/types";
import { percent } from "../../format/number";
import { label as nameOf, text } from "../../format/parameter";
import type { Range } from "../space";
import { errorOf, parameterAxis } from "./axis";
import { described, quantile, scored, trialPoints, type ScoredPoint } from "./data";
import { acrossSpan, axes, canvas, upSpan, type Hit, type Plot, type Size } from "./plot";
import { dots, svg, tenth, type SvgNode } from "./svg";

export interface ContourView {
  across: string;
  up: string;
}

/** Levels of the surface; the style sheet has a colour for each. */
export const LEVELS = 7;
const CELLS = 48;
/** How far a trial is felt, as a share of the plot. */
const REACH = 0.07;
const FEWEST = 5;
/** Share of the trials that count as no worse than the next better: a failure should not dig a hole. */
const OUTLIERS = 0.05;

export function contour(columns: TrialColumns, ranges: ReadonlyMap<string, Range>, view: ContourView, size: Size): Plot {
  const points = scored(trialPoints(columns), false);
  const axis = (name: string, span: [number, number]) =>
    parameterAxis(name, ranges.get(name), points.map(({ parameters }) => parameters[name] ?? null), span);
  const [across, up] = [axis(view.across, acrossSpan(size)), axis(view.up, upSpan(size))];
  const names = [...new Set([view.across, view.up, ...Object.keys(columns.parameters)])];
  const placed = points.flatMap((point) => {
    const [x, y] = [across.place(point.parameters[view.across]), up.place(point.parameters[view.up])];
    return x === undefined || y === undefined ? [] : [{ point, x, y }];
  });
  const hits = placed.map(({ point, x, y }): Hit => ({ x, y, label: described(point, names), trial: point.trial }));
  return {
    drawing: canvas(size, ...surface(placed, size), axes(size, across, up), dots(hits, "over"), best(placed)),
    hits,
    table: {
      columns: ["trial", nameOf(view.across), nameOf(view.up), "validation score"],
      rows: points.map(({ trial, parameters, score }) => [trial, text(parameters[view.across] ?? undefined), text(parameters[view.up] ?? undefined), score]),
      trialColumn: 0,
    },
    summary: summary(points, view),
  };
}

interface Placed {
  point: ScoredPoint;
  x: number;
  y: number;
}

/** Filled levels; bright is good. */
function surface(placed: readonly Placed[], size: Size): SvgNode[] {
  if (placed.length < FEWEST) return [];
  const [left, right] = acrossSpan(size);
  const [bottom, top] = upSpan(size);
  const values = interpolated(placed, [left, right], [top, bottom]);
  const sorted = [...values].sort((a, b) => a - b);
  const thresholds = Array.from({ length: LEVELS }, (_, level) => quantile(sorted, level / LEVELS));
  const scale = { x: (right - left) / (CELLS - 1), y: (bottom - top) / (CELLS - 1) };
  const point = ([x, y]: number[]): string =>
    `${tenth(left + clamped((x ?? 0) - 0.5) * scale.x)},${tenth(top + clamped((y ?? 0) - 0.5) * scale.y)}`;
  return contours()
    .size([CELLS, CELLS])
    .thresholds(thresholds)(values)
    .map(({ coordinates }, level) =>
      svg("path", {
        class: `level-${level}`,
        d: coordinates.flatMap((rings) => rings.map((ring) => `M${ring.map(point).join("L")}Z`)).join(""),
      }),
    );
}

function clamped(cell: number): number {
  return Math.min(CELLS - 1, Math.max(0, cell));
}

/**
 * On a grid, row by row from the top, the mean of all trials weighted by their nearness (Nadaraya–Watson),
 * of the logarithm of the error, so that the last tenths of a percent are seen.
 */
function interpolated(placed: readonly Placed[], [left, right]: [number, number], [top, bottom]: [number, number]): number[] {
  const worst = quantile(placed.map(({ point }) => point.score).sort((a, b) => a - b), OUTLIERS);
  const unit = placed.map(({ point, x, y }) => ({
    x: (x - left) / (right - left),
    y: (y - top) / (bottom - top),
    value: -Math.log(errorOf(Math.max(worst, point.score))),
  }));
  return Array.from({ length: CELLS * CELLS }, (_, index) => {
    const [x, y] = [(index % CELLS) / (CELLS - 1), Math.floor(index / CELLS) / (CELLS - 1)];
    let [sum, weights] = [0, 0];
    for (const one of unit) {
      const weight = 1e-9 + Math.exp(-((one.x - x) ** 2 + (one.y - y) ** 2) / (2 * REACH * REACH));
      sum += weight * one.value;
      weights += weight;
    }
    return sum / weights;
  });
}

function best(placed: readonly Placed[]): SvgNode | null {
  const top = placed.reduce<Placed | undefined>((found, one) => (found && found.point.score >= one.point.score ? found : one), undefined);
  if (!top) return null;
  const ring = (className: string): SvgNode => svg("circle", { class: className, cx: top.x, cy: top.y, r: 7 });
  return svg("g", {}, ring("ring casing"), ring("ring"));
}

function summary(points: readonly ScoredPoint[], { across, up }: ContourView): string {
  const top = points.reduce<ScoredPoint | undefined>((found, one) => (found && found.score >= one.score ? found : one), undefined);
  if (!top) return "No trial has been verified yet.";
  const at = (name: string): string => `${nameOf(name)} ${text(top.parameters[name] ?? undefined)}`;
  return `The best score, ${percent(top.score)}, is at ${at(across)} and ${at(up)}.`;
}
