import { expect, it } from "vitest";

import { sentence } from "./idle";
import type { Idle } from "./status";

const REASONS: Idle[] = [
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

it("has a sentence of its own for every reason", () => {
  const sentences = REASONS.map(sentence);
  expect(new Set(sentences).size).toBe(REASONS.length);
  for (const text of sentences) expect(text).toMatch(/^[A-Z].*[.!]$/);
});

it("has one for reasons it does not know", () => {
  expect(sentence("moonlight" as Idle)).toBe("Waiting for the server.");
});
