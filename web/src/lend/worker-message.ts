// What the page says to a Web Worker. The worker answers with `LenderEvent`s.

import type { LenderOptions } from "./options";

export type WorkerMessage =
  | { kind: "start"; program: WebAssembly.Module; options: LenderOptions }
  /** Gives the trial back and closes the socket; the page ends the worker shortly after. */
  | { kind: "stop" };
