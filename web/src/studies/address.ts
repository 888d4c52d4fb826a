// What the address of a studies page says: which study, which part of its trials, which trial, which
// view of its plots.

import type { TrialState } from "../api/types";
import { plotsView, writePlotsView, type PlotsView } from "./plots/view";
import { stateNamed } from "./trial-counts";

export interface StudyAddress {
  /** Only trials in this state. */
  state: TrialState | undefined;
  /** Page of the trials, from 1. */
  page: number;
  /** The trial whose details are open. */
  trial: number | undefined;
  /** What the plots show. */
  plots: PlotsView;
}

/** The study in `/studies/{id}`; none in `/studies`; "unknown" for what names no study. */
export function studyIn(path: string): number | undefined | "unknown" {
  const rest = path.replace(/^\/studies\/?/, "").replace(/\/$/, "");
  if (rest === "") return undefined;
  return whole(rest) ?? "unknown";
}

/** Reads the part behind the question mark; what makes no sense counts as absent. */
export function studyAddress(search: string): StudyAddress {
  const query = new URLSearchParams(search);
  return {
    state: stateNamed(query.get("state")),
    page: Math.max(1, whole(query.get("page")) ?? 1),
    trial: whole(query.get("trial")),
    plots: plotsView(query),
  };
}

/** The part behind the question mark, with the question mark; empty when all is as usual. */
export function searchFor({ state, page, trial, plots }: StudyAddress): string {
  const query = new URLSearchParams();
  if (state !== undefined) query.set("state", state);
  if (page > 1) query.set("page", String(page));
  if (trial !== undefined) query.set("trial", String(trial));
  writePlotsView(query, plots);
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

function whole(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
