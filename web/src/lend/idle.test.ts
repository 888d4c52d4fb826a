import { expect, it } from "vitest";

import { holdSentence, reason, sentence, type Reason, type Situation } from "./idle";
import type { Idle, Training, WorkerStatus } from "./status";

const IDLE: Idle[] = [
  "connecting",
  "asking",
  "no_study",
  "all_finished",
  "paused",
  "all_leased",
  "not_trusted",
  "server_trouble",
  "failed",
  "stopped",
  "outdated",
];
const REASONS: Reason[] = [...IDLE, "unreachable", "alone", "busy", "hidden", "preparing", "training", "claiming"];

const counts = { claimed: 0, verified: 0, rejected: 0 };
const trial: Training = {
  study: 1,
  study_name: "s",
  trial: 0,
  attempt: 1,
  parameters: {},
  step: 1,
  steps: 9,
  steps_per_epoch: 3,
  loss: 1,
  images_per_sec: 1,
  validation_score: null,
};

function idle(why: Idle): Situation {
  return { status: { activity: "idle", why, connection: "open", counts }, slowdown: null, wasConnected: false };
}

function busy(activity: "preparing" | "training" | "claiming", more: Partial<WorkerStatus> = {}): Situation {
  const status = { ...trial, activity, connection: "open", counts, ...more } as WorkerStatus;
  return { status, slowdown: null, wasConnected: true };
}

it("has a sentence of its own for every reason", () => {
  const sentences = [...REASONS.map(sentence), holdSentence("battery")];
  expect(new Set(sentences).size).toBe(REASONS.length + 1);
  for (const text of sentences) expect(text).toMatch(/^[A-Z].*[.!]$/);
});

it("has one for reasons it does not know", () => {
  expect(sentence("moonlight" as Idle)).toBe("Waiting for the server.");
});

it.each(IDLE)("names %s as what keeps an idle lane", (why) => {
  expect(reason(idle(why))).toBe(why);
});

it("tells a server that went away from one that was never there", () => {
  expect(reason({ ...idle("connecting"), wasConnected: true })).toBe("unreachable");
});

it.each(["preparing", "training", "claiming"] as const)("says what a lane does that is %s", (activity) => {
  expect(reason(busy(activity))).toBe(activity);
});

it("says that a lane trains on without the server", () => {
  expect(reason(busy("training", { connection: "connecting" }))).toBe("alone");
});

it.each(["busy", "hidden"] as const)("says why training is slow: %s", (slowdown) => {
  expect(reason({ ...busy("training"), slowdown })).toBe(slowdown);
  expect(reason({ ...busy("claiming"), slowdown })).toBe("claiming");
});
