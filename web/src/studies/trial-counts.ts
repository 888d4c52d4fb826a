// The states of trials: their order, their names on screen, and what they add up to.

import type { TrialCounts, TrialState } from "../api/types";

/** States that a trial can be in once it exists, in order of life. */
export const STATES: readonly { state: TrialState; label: string }[] = [
  { state: "waiting", label: "Waiting" },
  { state: "running", label: "Running" },
  { state: "checking", label: "Checking" },
  { state: "paused", label: "Resting" },
  { state: "verified", label: "Verified" },
  { state: "diverged", label: "Diverged" },
  { state: "pruned", label: "Pruned" },
  { state: "failed", label: "Failed" },
  { state: "cancelled", label: "Cancelled" },
];

/** Trials that need no more work. */
export function ended(counts: TrialCounts): number {
  return counts.verified + counts.diverged + counts.pruned + counts.failed + counts.cancelled;
}

/** Name of a state on screen. */
export function label(state: string): string {
  return STATES.find((known) => known.state === state)?.label ?? state;
}

/** The state that a text names, if any. */
export function stateNamed(text: string | null): TrialState | undefined {
  return STATES.find(({ state }) => state === text)?.state;
}
