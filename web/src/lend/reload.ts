// When the page may fetch itself anew because the server runs another build, and how lending goes on
// after that without another click. Only a reload that the page itself made resumes: somebody who
// opens or reloads it by hand has to click.

import { forget, keep, recall } from "./storage";

const LAST = "tabsweep.reloaded";
const RESUME = "tabsweep.resume";

/** Shortest time between two reloads: a server that never matches must not make the page spin. */
export const RELOAD_PAUSE_MILLIS = 60_000;

/** How long to wait before the next reload. */
export function reloadDelay(lastMillis: number | undefined, nowMillis: number): number {
  if (lastMillis === undefined || lastMillis > nowMillis) return 0;
  return Math.max(0, lastMillis + RELOAD_PAUSE_MILLIS - nowMillis);
}

/** The same, for this tab. */
export function delayHere(nowMillis: number): number {
  return reloadDelay(recall("session", LAST, isNumber), nowMillis);
}

/** Leaves word for the page after the reload. */
export function prepareReload(cores: number, nowMillis: number): void {
  keep("session", LAST, nowMillis);
  keep("session", RESUME, cores);
}

/** The number of cores that were being lent before the page reloaded itself; says so only once. */
export function takeResumption(): number | undefined {
  const cores = recall("session", RESUME, isNumber);
  forget("session", RESUME);
  return cores;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
