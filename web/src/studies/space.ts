// Which hyper-parameters a study varies and where, and which it holds fixed.

import type { StudyDetail, Value } from "../api/types";

/** Where a hyper-parameter is searched. */
export type Range =
  | { type: "float" | "int"; low: number; high: number; log: boolean }
  | { type: "categorical"; choices: readonly Value[] };

export interface Space {
  /** Names, sorted. */
  swept: string[];
  /** Names and values, sorted. */
  fixed: [string, Value][];
  /** Of those that are swept, where this page knows the kind. */
  ranges: ReadonlyMap<string, Range>;
}

/** Reads a study's space; a kind of range that this page does not know counts as swept. */
export function space(study: Pick<StudyDetail, "space">): Space {
  const entries = Object.entries(study.space as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  const fixed = entries.flatMap(([name, range]): [string, Value][] => (isFixed(range) ? [[name, range.value]] : []));
  const swept = entries.filter(([, range]) => !isFixed(range)).map(([name]) => name);
  const ranges = entries.flatMap(([name, range]): [string, Range][] => (isRange(range) ? [[name, range]] : []));
  return { swept, fixed, ranges: new Map(ranges) };
}

function isFixed(range: unknown): range is { type: "fixed"; value: Value } {
  return isTyped(range) && range.type === "fixed" && "value" in range;
}

function isRange(range: unknown): range is Range {
  if (!isTyped(range)) return false;
  if (range.type === "categorical") return "choices" in range && Array.isArray(range.choices);
  return (range.type === "float" || range.type === "int") && "low" in range && "high" in range;
}

function isTyped(range: unknown): range is { type: unknown } {
  return typeof range === "object" && range !== null && "type" in range;
}
