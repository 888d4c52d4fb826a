// Many trials, several tabs at once: each trial exactly once.

import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const TRIALS = 8;

test("two tabs share a study: each trial is done once, and both are on the leaderboard", async ({ serve, openLending, digits }) => {
  const { hidden_units: _, ...fixed } = SMALL;
  const choices = { hidden_units: [16, 32, 48], learning_rate: [0.003, 0.01, 0.03] };
  const server = await serve({ study: studyFile({ name: "Sweep", dataset: digits, trials: TRIALS, fixed: { ...fixed, epochs: 2 }, choices }) });
  const tabs = [await openLending(server, "Ada"), await openLending(server, "Grace")];
  for (const tab of tabs) await tab.lend();
  await expect.poll(async () => (await server.api.study(1)).state, { timeout: 120_000 }).toBe("finished");

  const rows = await server.api.leaderboard(1);
  const numbers = Array.from({ length: TRIALS }, (_, i) => i);
  expect(rows.map(({ trial }) => trial).toSorted((a, b) => a - b)).toEqual(numbers);
  expect(rows.map(({ rank }) => rank)).toEqual(numbers.map((number) => number + 1));
  const scores = rows.map(({ validation_score }) => validation_score);
  expect(scores, "best first").toEqual(scores.toSorted((a, b) => b - a));
  expect(new Set(rows.map(({ volunteer }) => volunteer.nickname))).toEqual(new Set(["Ada", "Grace"]));
  expect(rows.every(({ attempts }) => attempts === 1)).toBe(true);

  const leased = tabs.flatMap((tab) => tab.leases.map(({ trial }) => trial));
  expect(leased.toSorted((a, b) => a - b), "each trial was handed out once").toEqual(numbers);
  expect(new Set(rows.map(({ seed }) => seed)).size).toBe(TRIALS);
});
