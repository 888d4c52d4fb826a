// What the page and its Web Worker say to each other. Every question has a number, and its answer the
// same.

import type { Model } from "./model";
import type { Sight } from "./sight";

/** A model with its weights; without them where the worker has it already. */
export interface LoadedModel {
  model: Model;
  weights: Uint8Array | undefined;
}

export type Question =
  | { kind: "start"; program: WebAssembly.Module }
  /** From now on these models are asked, and no others. */
  | { kind: "use"; models: LoadedModel[] }
  /** A picture file, or pixels. */
  | { kind: "look"; picture: Blob | ImageData };

export interface Asked {
  number: number;
  question: Question;
}

export type Answer =
  | { number: number; kind: "done" }
  /** Nothing where there is no ink in the picture. */
  | { number: number; kind: "seen"; sight: Sight | undefined }
  | { number: number; kind: "failed"; reason: string };
