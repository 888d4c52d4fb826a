// What a worker tells the page. The shapes come from the server's OpenAPI document, which describes
// them beside its own.

import type { components } from "../api/schema";

type Schemas = components["schemas"];

export type Counts = Schemas["Counts"];
export type Idle = Schemas["Idle"];
export type Training = Schemas["Training"];
export type WorkerStatus = Schemas["WorkerStatus"];

/** What happens to a worker, as the wasm module words it. */
export type LenderEvent =
  | { event: "status"; status: WorkerStatus }
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
