// Axes: from a value to its place in pixels, with the values that are written beside them.

import type { Value } from "../../api/types";
import { percent } from "../../format/number";
import { label as nameOf, text } from "../../format/parameter";
import type { Range } from "../space";

export interface Tick {
  /** In pixels. */
  at: number;
  label: string;
}

export interface Axis {
  title: string;
  /** Where a value lies, in pixels; nothing for what has no place. */
  place: (value: Value | null | undefined) => number | undefined;
  /** The value at a place, as people read it. */
  read: (at: number) => string;
  ticks: readonly Tick[];
  /** Whether values are names, in no order. */
  isCategory: boolean;
}

/** From the first to the last pixel; the first may be the larger one. */
export type Span = readonly [number, number];

/** Pixels that a mark on an axis needs. */
const ROOM = 56;

/** A numeric axis; logarithmic where `isLog`. */
export function numberAxis(title: string, [low, high]: readonly [number, number], isLog: boolean, span: Span): Axis {
  const [from, to] = low < high ? [low, high] : widened(low, isLog);
  const warp = isLog ? Math.log : (value: number): number => value;
  const place = (value: number): number => between(span, (warp(value) - warp(from)) / (warp(to) - warp(from)));
  const most = Math.max(2, Math.floor(Math.abs(span[1] - span[0]) / ROOM));
  const marks = isLog ? logMarks(from, to, most) : linearMarks(from, to, most);
  return {
    title,
    place: (value) => (typeof value === "number" && Number.isFinite(value) && (!isLog || value > 0) ? place(value) : undefined),
    read: (at) => {
      const warped = warp(from) + shareAt(span, at) * (warp(to) - warp(from));
      return text(Number((isLog ? Math.exp(warped) : warped).toPrecision(3)));
    },
    ticks: marks.map((value) => ({ at: place(value), label: text(value) })),
    isCategory: false,
  };
}

/** The least error that a score's axis tells from none. */
const LEAST_ERROR = 1e-4;
const ERRORS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9];

/** Share of the scores that lie within their axis: few bad ones must not press all others together. */
const WITHIN = 0.96;
/** How much worse than all usual ones a score must be to be drawn on the edge. */
const FAR = 3;

/** The largest error that has a place of its own; larger ones are drawn on the edge. */
function usualWorst(sortedErrors: readonly number[]): number {
  const usual = sortedErrors[Math.ceil((sortedErrors.length - 1) * WITHIN)] ?? 1;
  return Math.min(sortedErrors.at(-1) ?? 1, usual * FAR);
}

/**
 * Scores spaced by the logarithm of what is missing to 100 %: the step from 98 to 99 is as long as that
 * from 99 to 99.5, because both halve the errors. What is far worse than nearly all is placed on the
 * edge.
 */
export function scoreAxis(title: string, scores: readonly number[], span: Span): Axis {
  const errors = scores.map(errorOf).sort((a, b) => a - b);
  const least = errors[0] ?? 1;
  const most = Math.max(least, usualWorst(errors));
  const [from, to] = [least / 1.15, Math.min(1, Math.max(most, least * 1.5) * 1.05)];
  const width = Math.log(to) - Math.log(from);
  const place = (error: number): number => between(span, 1 - (Math.log(Math.min(error, to)) - Math.log(from)) / width);
  const room = Math.max(2, Math.floor(Math.abs(span[1] - span[0]) / 30));
  const marks = thinned(scoreMarks(from, to), room);
  return {
    title,
    place: (value) => (typeof value === "number" ? place(errorOf(value)) : undefined),
    read: (at) => percent(1 - Math.exp(Math.log(from) + (1 - shareAt(span, at)) * width)),
    ticks: marks.map((error) => ({ at: place(error), label: `${Number(((1 - error) * 100).toFixed(2))} %` })),
    isCategory: false,
  };
}

/** What is missing to 100 %, never quite nothing. */
export function errorOf(score: number): number {
  return Math.max(LEAST_ERROR, 1 - score);
}

function scoreMarks(from: number, to: number): number[] {
  const known = ERRORS.filter((error) => error >= from && error <= to);
  if (known.length >= 3) return known;
  return linearMarks(from, to, 5);
}

/** Time since a moment; `high` is in milliseconds. */
export function elapsedAxis(title: string, high: number, span: Span): Axis {
  const to = Math.max(1_000, high);
  const place = (millis: number): number => between(span, millis / to);
  const step = timeStep(to / Math.max(2, Math.floor(Math.abs(span[1] - span[0]) / 72)));
  const ticks: Tick[] = [];
  for (let millis = 0; millis <= to; millis += step) ticks.push({ at: place(millis), label: elapsed(millis) });
  return {
    title,
    place: (value) => (typeof value === "number" ? place(value) : undefined),
    read: (at) => elapsed(shareAt(span, at) * to),
    ticks,
    isCategory: false,
  };
}

const SECOND = 1_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function timeStep(least: number): number {
  const known = STEPS.map((secs) => secs * SECOND).find((millis) => millis >= least);
  const day = 86_400 * SECOND;
  return known ?? Math.ceil(least / day) * day;
}

/** A stretch of time as an axis says it: `0`, `45 s`, `1 h 30 min`. */
export function elapsed(millis: number): string {
  const secs = Math.round(millis / SECOND);
  const parts = [
    [Math.floor(secs / 86_400), "d"],
    [Math.floor(secs / 3_600) % 24, "h"],
    [Math.floor(secs / 60) % 60, "min"],
    [secs % 60, "s"],
  ] as const;
  const said = parts.filter(([count]) => count > 0).slice(0, 2);
  return said.length === 0 ? "0" : said.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** One place for each of the values, in their order. */
export function categoryAxis(title: string, values: readonly Value[], span: Span): Axis {
  const places = new Map(values.map((value, index) => [value, between(span, (index + 0.5) / values.length)]));
  const last = values.length - 1;
  return {
    title,
    place: (value) => (value == null ? undefined : places.get(value)),
    read: (at) => text(values[Math.min(last, Math.floor(shareAt(span, at) * values.length))]),
    ticks: values.map((value) => ({ at: places.get(value) ?? 0, label: text(value) })),
    isCategory: true,
  };
}

/** The axis of a hyper-parameter, as its range in the space says; values beyond it widen it. */
export function parameterAxis(name: string, range: Range | undefined, values: readonly (Value | null)[], span: Span): Axis {
  const title = nameOf(name);
  const known = values.filter((value) => value !== null);
  const numbers = known.filter((value) => typeof value === "number");
  if (range?.type === "categorical" || numbers.length < known.length) {
    const choices = range?.type === "categorical" ? range.choices : [];
    return categoryAxis(title, [...new Set([...choices, ...known])], span);
  }
  const bounds = range ? [range.low, range.high] : [];
  const all = [...bounds, ...numbers];
  if (all.length === 0) return categoryAxis(title, [], span);
  return numberAxis(title, [Math.min(...all), Math.max(...all)], range?.log ?? false, span);
}

/** Round numbers from `low` to `high`, at most about `most`. */
export function linearMarks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10) * power;
  const marks: number[] = [];
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index += 1) {
    marks.push(Number((index * step).toPrecision(12)));
  }
  return marks;
}

/** Powers of ten, and their doubles and fives where there is room. */
export function logMarks(low: number, high: number, most: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const marks = (factors: readonly number[]): number[] =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index)
      .flatMap((power) => factors.map((factor) => Number((factor * 10 ** power).toPrecision(3))))
      .filter((value) => value >= low * 0.999 && value <= high * 1.001);
  const decades = marks([1]);
  if (marks([1, 2, 5]).length <= most) {
    return marks([1, 2, 5]).length >= 3 ? marks([1, 2, 5]) : linearMarks(low, high, most);
  }
  if (marks([1, 3]).length <= most) return marks([1, 3]);
  return thinned(decades, most);
}

function thinned(values: readonly number[], most: number): number[] {
  const step = Math.max(1, Math.ceil(values.length / most));
  return values.filter((_, index) => index % step === 0);
}

function widened(value: number, isLog: boolean): [number, number] {
  if (isLog) return [value / 2, value * 2];
  return [value - 1, value + 1];
}

function shareAt([from, to]: Span, at: number): number {
  return (at - from) / (to - from);
}

function between([from, to]: Span, share: number): number {
  return from + share * (to - from);
}
