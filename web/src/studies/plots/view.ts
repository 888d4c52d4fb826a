// Which view of the plots a reader has chosen, and how the address says it.

import type { Brushes } from "./parallel";

export interface PlotsView {
  /** Hyper-parameter along the axis of the sensitivity plot. */
  x: string | undefined;
  /** Hyper-parameter whose values are its groups; an empty text for none. */
  by: string | undefined;
  /** Hyper-parameters of the contour plot. */
  contourX: string | undefined;
  contourY: string | undefined;
  /** Ranges that are set on the parallel coordinates. */
  brushes: Brushes;
}

/** Reads what the address says of the plots; what makes no sense counts as absent. */
export function plotsView(query: URLSearchParams): PlotsView {
  return {
    x: named(query.get("x")),
    by: query.get("by") === "" ? "" : named(query.get("by")),
    contourX: named(query.get("cx")),
    contourY: named(query.get("cy")),
    brushes: Object.fromEntries(query.getAll("brush").flatMap(brush)),
  };
}

/** Writes it where it differs from the usual. */
export function writePlotsView(query: URLSearchParams, view: PlotsView): void {
  const texts = { x: view.x, by: view.by, cx: view.contourX, cy: view.contourY };
  for (const [key, value] of Object.entries(texts)) if (value !== undefined) query.set(key, value);
  for (const [name, { low, high }] of Object.entries(view.brushes)) query.append("brush", `${name}:${short(low)}:${short(high)}`);
}

function named(text: string | null): string | undefined {
  return text !== null && /^\w{1,64}$/.test(text) ? text : undefined;
}

function brush(text: string): [string, { low: number; high: number }][] {
  const [, name, low, high] = /^(\w{1,64}):([\d.]{1,6}):([\d.]{1,6})$/.exec(text) ?? [];
  const range = { low: Number(low), high: Number(high) };
  const isRange = range.low >= 0 && range.high <= 1 && range.low < range.high;
  return name !== undefined && isRange ? [[name, range]] : [];
}

function short(share: number): string {
  return String(Math.round(share * 1000) / 1000);
}

/** The usual choice of hyper-parameters: the learning rate and the hidden units where there are, then what matters most. */
export function usualNames(swept: readonly string[], byImportance: readonly string[]): string[] {
  const first = ["learning_rate", "hidden_units"].filter((name) => swept.includes(name));
  return [...new Set([...first, ...byImportance, ...swept])];
}
