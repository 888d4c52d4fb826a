// Sensitivity: the score against one hyper-parameter, for each value (or stretch of values) of another.
// Where several trials fall together, their median and the range of the middle half are drawn.

import type { TrialColumns, Value } from "../../api/types";
import { percent } from "../../format/number";
import { label as nameOf, text } from "../../format/parameter";
import type { Range } from "../space";
import { parameterAxis, scoreAxis, type Axis } from "./axis";
import { described, quantile, scored, trialPoints, type ScoredPoint } from "./data";
import { legend } from "./legend";
import { acrossSpan, axes, canvas, MARGIN, upSpan, type Hit, type Plot, type Size } from "./plot";
import { dots, line, pathThrough, svg, type SvgNode } from "./svg";

export interface SensitivityView {
  /** The hyper-parameter along the axis. */
  across: string;
  /** The hyper-parameter that makes the groups; none for one group. */
  by: string | undefined;
}

/** Groups that colours can tell apart. */
const MOST_GROUPS = 6;
/** Stretches of the axis in which trials are taken together. */
const STRETCHES = 9;
/** Trials in a stretch from which on their spread is drawn. */
const REPEATS = 3;

interface Group {
  label: string;
  points: readonly ScoredPoint[];
}

export function sensitivity(columns: TrialColumns, ranges: ReadonlyMap<string, Range>, view: SensitivityView, whole: Size): Plot {
  const points = scored(trialPoints(columns), false);
  const name = view.across;
  const groups = grouped(points, view.by);
  const names = view.by === undefined ? null : legend(
    nameOf(view.by),
    groups.map(({ label }, index) => ({ label, className: `group-${index}` })),
    MARGIN.left,
    whole.width,
  );
  const size = names ? { ...whole, top: names.bottom } : whole;
  const across = parameterAxis(name, ranges.get(name), points.map(({ parameters }) => parameters[name] ?? null), acrossSpan(size));
  const up = scoreAxis("validation score", points.map(({ score }) => score), upSpan(size));
  const told = [...new Set([name, ...(view.by === undefined ? [] : [view.by]), ...Object.keys(columns.parameters)])];
  const hits = groups.map((group) => group.points.flatMap((point) => hit(point, name, told, across, up)));
  return {
    drawing: canvas(
      size,
      axes(size, across, up),
      ...groups.flatMap((_, index) => spread(summaries(hits[index] ?? [], across), index)),
      ...hits.map((places, index) => dots(places, `group-${index}`)),
      ...groups.map((_, index) => line(summaries(hits[index] ?? [], across).map(({ x, median }) => ({ x, y: median })), `trend group-${index}`)),
      names?.node ?? null,
    ),
    hits: hits.flat(),
    table: {
      columns: ["trial", nameOf(name), ...(view.by === undefined ? [] : [nameOf(view.by)]), "validation score"],
      rows: points.map((point) => [
        point.trial,
        cell(point.parameters[name]),
        ...(view.by === undefined ? [] : [cell(point.parameters[view.by])]),
        point.score,
      ]),
      trialColumn: 0,
    },
    summary: summary(points, name),
  };
}

/** Trials by a hyper-parameter: one group a value, or, of many numbers, one a stretch with as many trials as the others. */
export function grouped(points: readonly ScoredPoint[], by: string | undefined): Group[] {
  if (by === undefined) return [{ label: "", points }];
  const values = [...new Set(points.map(({ parameters }) => parameters[by] ?? null))];
  const known = values.filter((value) => value !== null);
  if (known.length <= MOST_GROUPS || known.some((value) => typeof value !== "number")) {
    return known
      .sort(compared)
      .slice(0, MOST_GROUPS)
      .map((value) => ({ label: text(value), points: points.filter(({ parameters }) => parameters[by] === value) }));
  }
  const sorted = points.map(({ parameters }) => Number(parameters[by])).sort((a, b) => a - b);
  const stretches = 4;
  const bounds = Array.from({ length: stretches + 1 }, (_, index) => quantile(sorted, index / stretches));
  return Array.from({ length: stretches }, (_, index) => {
    const [low, high] = [bounds[index] ?? 0, bounds[index + 1] ?? 0];
    const within = (value: number): boolean => value >= low && (value < high || index === stretches - 1);
    const label = `${text(shortened(low))} to ${text(shortened(high))}`;
    return { label, points: points.filter(({ parameters }) => within(Number(parameters[by]))) };
  });
}

function shortened(value: number): number {
  return Number(value.toPrecision(3));
}

function compared(a: Value, b: Value): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
}

function hit(point: ScoredPoint, name: string, names: readonly string[], across: Axis, up: Axis): Hit[] {
  const [x, y] = [across.place(point.parameters[name]), up.place(point.score)];
  return x === undefined || y === undefined ? [] : [{ x, y, label: described(point, names), trial: point.trial }];
}

interface Summary {
  x: number;
  median: number;
  low: number;
  high: number;
  count: number;
}

/** Median and middle half of what falls together: equal values of a category, stretches of a number. */
function summaries(hits: readonly Hit[], across: Axis): Summary[] {
  const places = across.ticks.map(({ at }) => at);
  const [from, to] = [Math.min(...hits.map(({ x }) => x)), Math.max(...hits.map(({ x }) => x))];
  const width = (to - from) / STRETCHES || 1;
  const key = ({ x }: Hit): number => (across.isCategory ? places.indexOf(x) : Math.min(STRETCHES - 1, Math.floor((x - from) / width)));
  const together = new Map<number, Hit[]>();
  for (const one of hits) together.set(key(one), [...(together.get(key(one)) ?? []), one]);
  return [...together.values()].map(summarised).sort((a, b) => a.x - b.x);
}

function summarised(hits: readonly Hit[]): Summary {
  const heights = hits.map(({ y }) => y).sort((a, b) => a - b);
  const x = hits.reduce((sum, hit) => sum + hit.x, 0) / hits.length;
  return { x, median: quantile(heights, 0.5), low: quantile(heights, 0.25), high: quantile(heights, 0.75), count: hits.length };
}

function spread(summaries: readonly Summary[], group: number): (SvgNode | null)[] {
  const repeated = summaries.filter(({ count }) => count >= REPEATS);
  if (repeated.length < 2) return [];
  const there = repeated.map(({ x, low }) => ({ x, y: low }));
  const back = repeated.map(({ x, high }) => ({ x, y: high })).toReversed();
  return [svg("path", { class: `spread group-${group}`, d: `${pathThrough([...there, ...back])}Z` })];
}

function cell(value: Value | null | undefined): string | number | null {
  return typeof value === "boolean" ? text(value) : (value ?? null);
}

function summary(points: readonly ScoredPoint[], name: string): string {
  const best = points.reduce<ScoredPoint | undefined>((top, point) => (top && top.score >= point.score ? top : point), undefined);
  if (!best) return "No trial has been verified yet.";
  return `Of ${points.length} verified trials the best, ${percent(best.score)}, has ${nameOf(name)} ${text(best.parameters[name] ?? undefined)}.`;
}
