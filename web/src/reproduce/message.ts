// What a page and the worker that reproduces a trial say to each other.

/** To the worker: what to train, and what should come out. */
export interface Order {
  program: WebAssembly.Module;
  /** Hyper-parameters as JSON. */
  setting: string;
  /** A whole number as text. */
  seed: string;
  classes: number;
  training: Uint8Array;
  validation: Uint8Array;
  /** The weights that were verified. */
  weights: Uint8Array;
}

/** From the worker. */
export type Report =
  /** How far it is. */
  | { kind: "progress"; images: number; epoch: number; score: number | undefined }
  /** It is done: whether the weights are the same, byte for byte. */
  | { kind: "done"; isSame: boolean; bytes: number }
  | { kind: "failed"; reason: string };
