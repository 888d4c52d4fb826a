// The states of trials: their order, their names on screen, and what they add up to.

import type { TrialCounts, TrialState } from "../api/types";

/** How a state is coloured: `good` and `bad` ends, work `on` its way, and what is `still`. */
export type Tone = "good" | "bad" | "on" | "still";

interface StateName {
  state: TrialState;
  label: string;
  tone: Tone;
}

/** States that a trial can be in once it exists, in order of life. */
export const STATES: readonly StateName[] = [
  { state: "waiting", label: "Waiting", tone: "still" },
  { state: "running", label: "Running", tone: "on" },
  { state: "checking", label: "Checking", tone: "on" },
  { state: "paused", label: "Resting", tone: "still" },
  { state: "verified", label: "Verified", tone: "good" },
  { state: "diverged", label: "Diverged", tone: "bad" },
  { state: "pruned", label: "Pruned", tone: "still" },
  { state: "failed", label: "Failed", tone: "bad" },
  { state: "cancelled", label: "Cancelled", tone: "still" },
];

/** Trials that need no more work. */
export function ended(counts: TrialCounts): number {
  return counts.verified + counts.diverged + counts.pruned + counts.failed + counts.cancelled;
}

/** Name of a state on screen. */
export function label(state: string): string {
  return STATES.find((known) => known.state === state)?.label ?? state;
}

/** How a state is coloured. */
export function tone(state: string): Tone {
  return STATES.find((known) => known.state === state)?.tone ?? "still";
}

/** The state that a text names, if any. */
export function stateNamed(text: string | null): TrialState | undefined {
  return STATES.find(({ state }) => state === text)?.state;
}
