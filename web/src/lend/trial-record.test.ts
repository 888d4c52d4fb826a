import { expect, it } from "vitest";

import type { ScoredEpoch, Training } from "./status";
import { TrialRecord } from "./trial-record.svelte";

function training(trial: number, step: number, loss: number | null): Training {
  return { study: 1, study_name: "s", trial, attempt: 1, parameters: {}, step, steps: 9, steps_per_epoch: 3, loss, images_per_sec: 1, validation_score: null };
}

function epoch(number: number, correct: number): ScoredEpoch {
  const pixels = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  const mistakes = [
    { label: 4, guess: 9 },
    { label: 7, guess: 1 },
  ];
  return { study: 1, trial: 0, epoch: number, correct, count: 10, height: 2, width: 2, mistakes, pixels };
}

it("collects losses, and begins anew with another trial", () => {
  const record = new TrialRecord();
  record.see(training(0, 1, 2));
  record.see(training(0, 2, 1));
  record.score(epoch(1, 8));
  expect(record.losses.map(({ loss }) => loss)).toEqual([2, 1]);
  record.see(training(1, 0, null));
  expect(record).toMatchObject({ losses: [], scores: [], wrong: undefined });
});

it("leaves out losses that are no numbers", () => {
  const record = new TrialRecord();
  record.see(training(0, 1, Number.NaN));
  record.see(training(0, 2, null));
  expect(record.losses).toEqual([]);
});

it("keeps scores in order, a repeated epoch as it came out last", () => {
  const record = new TrialRecord();
  record.score(epoch(1, 5));
  record.score(epoch(2, 6));
  record.score(epoch(2, 7));
  expect(record.scores).toEqual([
    { epoch: 1, score: 0.5 },
    { epoch: 2, score: 0.7 },
  ]);
});

it("gives each wrong digit its pixels", () => {
  const record = new TrialRecord();
  record.score(epoch(1, 7));
  expect(record.wrong).toMatchObject({ count: 3, of: 10, height: 2, width: 2 });
  expect(record.wrong?.shown.map(({ label, guess, pixels }) => [label, guess, ...pixels])).toEqual([
    [4, 9, 1, 2, 3, 4],
    [7, 1, 5, 6, 7, 8],
  ]);
});
