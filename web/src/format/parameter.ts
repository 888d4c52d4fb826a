// Hyper-parameters as people read them: their names and their values.

import type { Value } from "../api/types";

/** A name without underscores. */
export function label(name: string): string {
  return name.replaceAll("_", " ");
}

/** A value, short enough for a table: three digits of a real number, one word for a yes or no. */
export function text(value: Value | undefined): string {
  if (value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value);
  return value.replaceAll("_", " ");
}

function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 0.0001 && size < 1000) return String(Number(value.toPrecision(3)));
  return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
}
