// The shortest way through the whole system: a tab lends itself, and a verified score appears.

import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

test("a tab finishes a trial and its verified score is on the leaderboard", async ({ serve, openPage, openLending, digits }) => {
  const study = studyFile({ name: "One trial", dataset: digits, trials: 1, fixed: SMALL });
  const server = await serve({ study });
  const dashboard = await openPage(server);
  await dashboard.page.goto("/studies/1");
  const leaderboard = dashboard.page.getByRole("table", { name: "Leaderboard" });
  await expect(leaderboard).toContainText("No verified trial yet");

  const tab = await openLending(server, "Ada");
  await tab.lend();
  await expect(dashboard.page.getByRole("table", { name: "Workers now" })).toContainText("Ada");
  await expect.poll(() => server.api.state(1, 0), { timeout: 60_000 }).toBe("verified");

  const rows = await server.api.leaderboard(1);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ rank: 1, trial: 0, attempts: 1, volunteer: { nickname: "Ada" } });
  // Ten classes: a net that learned nothing gets 0.1.
  expect(rows[0]?.validation_score).toBeGreaterThan(0.5);
  expect(rows[0]?.test_score).toBeGreaterThan(0.5);

  // The page was not reloaded since it was opened.
  const row = leaderboard.getByRole("row").nth(1);
  await expect(row).toContainText("Ada");
  await expect(row).toContainText(`${((rows[0]?.validation_score ?? 0) * 100).toFixed(2)} %`);
  await expect(tab.core(1)).toContainText("All trials are done");
  await expect(tab.page.getByRole("region", { name: "Your results" })).toContainText("Verified 1");
});
