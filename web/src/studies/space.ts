// Which hyper-parameters a study varies, and which it holds fixed.

import type { StudyDetail, Value } from "../api/types";

export interface Space {
  /** Names, sorted. */
  swept: string[];
  /** Names and values, sorted. */
  fixed: [string, Value][];
}

/** Reads a study's space; a kind of range that this page does not know counts as swept. */
export function space(study: Pick<StudyDetail, "space">): Space {
  const entries = Object.entries(study.space as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  const fixed = entries.flatMap(([name, range]): [string, Value][] => (isFixed(range) ? [[name, range.value]] : []));
  const swept = entries.filter(([, range]) => !isFixed(range)).map(([name]) => name);
  return { swept, fixed };
}

function isFixed(range: unknown): range is { type: "fixed"; value: Value } {
  return typeof range === "object" && range !== null && "type" in range && range.type === "fixed" && "value" in range;
}
