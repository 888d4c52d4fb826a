// Trials as plots take them: the server's columns turned into one point a trial.

import type { TrialColumns, Value } from "../../api/types";
import { percent } from "../../format/number";
import { label, text } from "../../format/parameter";

export interface TrialPoint {
  trial: number;
  state: string;
  /** A fraction; none while it has not been scored. */
  score: number | null;
  testScore: number | null;
  changedMillis: number;
  parameters: Readonly<Record<string, Value | null>>;
}

/** A point with a score. */
export type ScoredPoint = TrialPoint & { score: number };

export function trialPoints(columns: TrialColumns): TrialPoint[] {
  // The server's document says of these only that they are values.
  const parameters = columns.parameters as Readonly<Record<string, readonly (Value | null)[]>>;
  const names = Object.keys(parameters);
  return columns.number.map((trial, index) => ({
    trial,
    state: columns.state[index] ?? "",
    score: columns.score[index] ?? null,
    testScore: columns.test_score[index] ?? null,
    changedMillis: columns.changed_millis[index] ?? 0,
    parameters: Object.fromEntries(names.map((name) => [name, parameters[name]?.[index] ?? null])),
  }));
}

/** Those with a score: verified ones, and with `early` also those that rest or were pruned on the way. */
export function scored(points: readonly TrialPoint[], early: boolean): ScoredPoint[] {
  return points.filter((point): point is ScoredPoint => point.score !== null && (early || point.state === "verified"));
}

/** Hyper-parameters that a pointer is told of. */
const MOST_NAMES = 6;

/** What a pointer is told of a trial: its score, and the first of the hyper-parameters. */
export function described(point: TrialPoint, names: readonly string[]): string {
  const setting = names.slice(0, MOST_NAMES).map((name) => `${label(name)} ${text(point.parameters[name] ?? undefined)}`);
  const place = point.state === "verified" ? "" : ` (${point.state})`;
  return [`Trial ${point.trial}: ${percent(point.score)}${place}`, ...setting].join("\n");
}

/** The value at a share of the way from the least to the greatest. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}

/** Number of classes that scores are coloured by. */
export const GRADES = 5;

/** For each score the fifth that it is in, 0 for the worst. */
export function grades(scores: readonly number[]): number[] {
  const sorted = [...scores].sort((a, b) => a - b);
  const bounds = Array.from({ length: GRADES - 1 }, (_, index) => quantile(sorted, (index + 1) / GRADES));
  return scores.map((score) => bounds.filter((bound) => score > bound).length);
}
