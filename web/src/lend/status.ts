// What a worker tells the page. The shapes come from the server's OpenAPI document, which describes
// them beside its own.

import type { components } from "../api/schema";

type Schemas = components["schemas"];

export type Counts = Schemas["Counts"];
export type Idle = Schemas["Idle"];
export type Labelling = Schemas["Labelling"];
export type Training = Schemas["Training"];
export type WorkerStatus = Schemas["WorkerStatus"];

/** Why training is slower than it was: something else needs the machine, or the browser slows the tab. */
export type Slowdown = "busy" | "hidden";

/** An image that was put in another class than its own. */
export interface Mistake {
  label: number;
  guess: number;
}

/** An epoch that has just been scored. */
export interface ScoredEpoch {
  study: number;
  trial: number;
  /** From 1. */
  epoch: number;
  /** Validation images classified rightly. */
  correct: number;
  /** Validation images. */
  count: number;
  height: number;
  width: number;
  /** The first of those that were wrong. */
  mistakes: Mistake[];
  /** Theirs, `[mistakes, height, width]`. */
  pixels: Uint8Array<ArrayBuffer>;
}

/** What happens to a worker, as the wasm module words it. */
export type LenderEvent =
  | { event: "status"; status: WorkerStatus; slowdown: Slowdown | null; images: number }
  | ({ event: "epoch" } & ScoredEpoch)
  /** Everything stood still for so long. */
  | { event: "woke"; millis: number }
  /** The server runs another build. */
  | { event: "reload" }
  /** The server does not know the volunteer. */
  | { event: "register" }
  /** The worker can't go on. */
  | { event: "failed"; reason: string };

/** What a worker is before it has said anything. */
export const UNHEARD: WorkerStatus = {
  activity: "idle",
  why: "connecting",
  connection: "connecting",
  counts: { claimed: 0, verified: 0, rejected: 0 },
};
