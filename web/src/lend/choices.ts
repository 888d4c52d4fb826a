// What a volunteer chooses, and what is chosen for somebody who never did.

import { keep, recall } from "./storage";

export interface Choices {
  /** Workers to run, one per core. */
  cores: number;
  /** Shown on the leaderboard; may be empty. */
  nickname: string;
}

const NAME = "tabsweep.choices";

/** Longest nickname that the server takes. */
export const NICKNAME_CHARS = 40;

/** A number of cores that this machine has. */
export function possibleCores(cores: number, available: number): number {
  if (!Number.isFinite(cores)) return defaultCores(available);
  return Math.min(Math.max(1, Math.floor(cores)), Math.max(1, available));
}

/** Half of them: the machine stays pleasant to use. */
export function defaultCores(available: number): number {
  return Math.max(1, Math.floor(available / 2));
}

export function rememberedChoices(available: number): Choices {
  const kept = recall("local", NAME, isChoices) ?? { cores: defaultCores(available), nickname: "" };
  return { ...kept, cores: possibleCores(kept.cores, available) };
}

export function rememberChoices(choices: Choices): void {
  keep("local", NAME, choices);
}

function isChoices(value: unknown): value is Choices {
  const { cores, nickname } = (value ?? {}) as Partial<Choices>;
  return typeof cores === "number" && typeof nickname === "string";
}
