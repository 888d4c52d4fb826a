// What the page says to a Web Worker. The worker answers with `LenderEvent`s.

import type { LenderOptions } from "./options";
import type { Pace } from "./pace";

export type WorkerMessage =
  | { kind: "start"; program: WebAssembly.Module; options: LenderOptions; pace: Pace }
  /** Works more or less hard from now on. */
  | { kind: "pace"; pace: Pace }
  /** Gives the trial back and closes the socket; the page ends the worker shortly after. */
  | { kind: "stop" };
