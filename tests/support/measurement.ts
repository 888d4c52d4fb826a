// Figures that the tests come across: printed, and kept in results/measurements.json for people and
// later comparisons. Nothing is decided by them.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { results } from "./environment";

const FILE = join(results, "measurements.json");

/** Notes figures under a name; figures of that name from before are replaced. */
export function note(name: string, figures: Readonly<Record<string, number | string>>): void {
  console.log(`measured: ${name}: ${JSON.stringify(figures)}`);
  mkdirSync(results, { recursive: true });
  const all = { ...known(), [name]: { ...figures, at: new Date().toISOString() } };
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
}

function known(): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, unknown>;
  } catch {
    // The first figures make the file.
    return {};
  }
}
