// What a worker tells the page, as the JSON of the volunteer crate has it.

import type { Parameters } from "../api/types";

/** Why a worker does nothing. */
export type Idle =
  | "connecting"
  | "asking"
  | "no_study"
  | "all_finished"
  | "all_leased"
  | "not_trusted"
  | "server_trouble"
  | "failed"
  | "stopped"
  | "outdated";

/** A trial in a worker's hands. Steps are the optimiser's; `steps` is 0 until known. */
export interface Training {
  study: number;
  study_name: string;
  trial: number;
  attempt: number;
  parameters: Parameters;
  step: number;
  steps: number;
  steps_per_epoch: number;
  loss: number | null;
  images_per_sec: number;
  validation_score: number | null;
}

/** What has become of a worker's results. */
export interface Counts {
  claimed: number;
  verified: number;
  rejected: number;
}

export type Activity =
  | { activity: "idle"; why: Idle }
  | ({ activity: "preparing" | "training" | "claiming" } & Training);

export type WorkerStatus = Activity & {
  connection: "connecting" | "open" | "closed";
  counts: Counts;
};

/** What happens to a worker. */
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
