// Many trials, several tabs at once: each trial exactly once.

import { environment } from "./support/environment";
import type { LendingTab } from "./support/lending";
import { note } from "./support/measurement";
import type { Server } from "./support/server";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const TRIALS = 8;
const { mnist } = environment();

test("two tabs share a study: each trial is done once, and both are on the leaderboard", async ({ serve, openLending, digits }) => {
  const { hidden_units: _, ...fixed } = SMALL;
  const choices = { hidden_units: [16, 32, 48], learning_rate: [0.003, 0.01, 0.03] };
  const study = studyFile({ name: "Sweep", dataset: digits, trials: TRIALS, fixed: { ...fixed, epochs: 2 }, choices });
  const server = await serve({ study });
  await sweep(server, [await openLending(server, "Ada"), await openLending(server, "Grace")], 120_000);
});

test("the same on MNIST, where every setting of the sweep is a good one", async ({ serve, openLending }) => {
  test.skip(mnist === undefined, "TABSWEEP_MNIST_DIR is not set");
  test.setTimeout(1_200_000);
  const choices = {
    conv1_channels: [8, 16],
    conv2_channels: [16, 32],
    dropout: [0.0, 0.1, 0.3],
    learning_rate: [0.003, 0.01, 0.02],
    shift_px: [0, 1],
  };
  const study = studyFile({ name: "MNIST", dataset: "mnist", trials: TRIALS, seed: 2016, fixed: { epochs: 1 }, choices });
  const server = await serve({ study, flags: ["--dataset-dir", mnist ?? ""] });
  const began = performance.now();
  await sweep(server, [await openLending(server, "Ada"), await openLending(server, "Grace")], 1_000_000);
  const rows = await server.api.leaderboard(1);
  const score = (fraction: number): string => `${(fraction * 100).toFixed(2)} %`;
  const figures = rows.map(({ rank, trial, validation_score, test_score, volunteer, parameters }) => [
    `rank_${rank}`,
    `trial ${trial}: validation ${score(validation_score)}, test ${score(test_score)}, by ${volunteer.nickname}, ${JSON.stringify(parameters)}`,
  ]);
  note("a sweep of 8 trials of one epoch of MNIST by two tabs", {
    secs: Math.round((performance.now() - began) / 1000),
    ...(Object.fromEntries(figures) as Record<string, string>),
  });
  for (const { test_score } of rows) expect(test_score).toBeGreaterThan(0.97);
});

/** Has the tabs finish study 1 together, and checks that they shared the work and nothing was done twice. */
async function sweep(server: Server, tabs: readonly LendingTab[], timeout: number): Promise<void> {
  await Promise.all(tabs.map((tab) => tab.lend()));
  await expect.poll(async () => (await server.api.study(1)).state, { timeout }).toBe("finished");

  const rows = await server.api.leaderboard(1);
  const numbers = Array.from({ length: TRIALS }, (_, i) => i);
  expect(rows.map(({ trial }) => trial).toSorted((a, b) => a - b)).toEqual(numbers);
  expect(rows.map(({ rank }) => rank)).toEqual(numbers.map((number) => number + 1));
  const scores = rows.map(({ validation_score }) => validation_score);
  expect(scores, "best first").toEqual(scores.toSorted((a, b) => b - a));
  expect(new Set(rows.map(({ volunteer }) => volunteer.nickname))).toEqual(new Set(["Ada", "Grace"]));
  expect(rows.every(({ attempts }) => attempts === 1)).toBe(true);
  expect(new Set(rows.map(({ seed }) => seed)).size).toBe(TRIALS);

  const leased = tabs.flatMap((tab) => tab.leases.map(({ trial }) => trial));
  expect(leased.toSorted((a, b) => a - b), "each trial was handed out once").toEqual(numbers);
}
