// A plain sentence for what a lane is doing, or for why it does nothing and what will end that.

import type { Idle, Slowdown, WorkerStatus } from "./status";

/** How a lane stands, as far as the sentence goes. */
export interface Situation {
  status: WorkerStatus;
  slowdown: Slowdown | null;
  /** Whether the server has answered this worker before. */
  wasConnected: boolean;
}

export type Reason = Idle | "unreachable" | "alone" | "busy" | "hidden" | "preparing" | "training" | "claiming" | "labelling";

/** Why a whole tab holds still. */
export type Hold = "battery";

const SENTENCES: Record<Reason, string> = {
  connecting: "Connecting to the server. If it can't be reached, this goes on trying by itself.",
  unreachable: "The server does not answer any more. This tab goes on trying, and takes up work again by itself.",
  asking: "Asking the server for a trial.",
  no_study: "There is no study yet. This tab starts by itself as soon as there is one.",
  all_finished: "All trials are done. Thank you! If a new study comes, this tab goes on by itself.",
  paused: "The operator has paused all studies that have work left. This tab goes on by itself when one resumes.",
  all_leased: "Every trial that is left is being trained or checked by others. This tab takes over if one of them leaves.",
  not_trusted: "Results from this browser did not match what the server computed, so it gets no more work for now.",
  server_trouble: "The server can't store results at the moment. This tab waits until it can.",
  failed: "A trial could not be started here. Another try follows shortly.",
  stopped: "Stopped.",
  outdated: "The server has a newer version. This page reloads itself to match it.",
  preparing: "Fetching what the trial needs.",
  training: "Training.",
  claiming: "Sending the result and waiting for the server's answer.",
  labelling: "Labelling pictures with a trained model.",
  alone: "Not connected: going on alone, and trying to reach the server.",
  busy: "Something else needs this computer, so this core makes room. It looks again every few seconds and goes on by itself.",
  hidden: "Training, slowed by the browser while this tab can't be seen.",
};

const HOLDS: Record<Hold, string> = {
  battery: "This computer runs on its battery, so nothing is computed. Lending goes on by itself when it is plugged in.",
};

/** What matters most of how a lane stands. */
export function reason({ status, slowdown, wasConnected }: Situation): Reason {
  if (status.activity === "idle") {
    return status.why === "connecting" && wasConnected ? "unreachable" : status.why;
  }
  if (status.connection !== "open") return "alone";
  return status.activity === "training" && slowdown ? slowdown : status.activity;
}

/** Why nothing is being computed, or what is, and what will change that. */
export function sentence(why: Reason): string {
  // A newer server may know a reason that this page does not.
  return SENTENCES[why] ?? "Waiting for the server.";
}

/** Why the tab holds still. */
export function holdSentence(hold: Hold): string {
  return HOLDS[hold];
}
