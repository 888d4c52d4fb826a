// What a volunteer chooses, and what is chosen for somebody who never did.

import { keep, recall } from "./storage";

export interface Choices {
  /** Workers to run, one per core. */
  cores: number;
  /** Share of the time that each core works, in percent. */
  power: number;
  /** Whether to wait while the computer runs on its battery. */
  pausesOnBattery: boolean;
  /** Whether to make room when something else needs the computer. */
  yields: boolean;
  /** Whether to ask the browser to let a hidden tab go on. */
  staysAwake: boolean;
  /** Shown on the leaderboard; may be empty. */
  nickname: string;
}

const NAME = "tabsweep.choices";

/** Longest nickname that the server takes. */
export const NICKNAME_CHARS = 40;

export const LEAST_POWER = 25;
export const MOST_POWER = 100;
export const POWER_STEP = 5;

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
  const kept = recall("local", NAME, isRecord) ?? {};
  return {
    cores: possibleCores(number(kept["cores"]), available),
    power: possiblePower(number(kept["power"])),
    pausesOnBattery: truth(kept["pausesOnBattery"]),
    yields: truth(kept["yields"]),
    staysAwake: truth(kept["staysAwake"]),
    nickname: typeof kept["nickname"] === "string" ? kept["nickname"] : "",
  };
}

export function rememberChoices(choices: Choices): void {
  keep("local", NAME, choices);
}

function possiblePower(power: number): number {
  return Number.isFinite(power) ? Math.min(MOST_POWER, Math.max(LEAST_POWER, Math.round(power))) : MOST_POWER;
}

function number(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}

/** What is not forbidden is wanted: the gentle settings are the ones to begin with. */
function truth(value: unknown): boolean {
  return value !== false;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
