// A plain sentence for each reason why a worker does nothing.

import type { Idle } from "./status";

const SENTENCES: Record<Idle, string> = {
  connecting: "Connecting to the server. If it can't be reached, this goes on trying by itself.",
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
};

/** Why nothing is being computed, and what will end that. */
export function sentence(why: Idle): string {
  // A newer server may know a reason that this page does not.
  return SENTENCES[why] ?? "Waiting for the server.";
}
