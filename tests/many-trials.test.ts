// The dashboard of 50,000 trials, made up by a formula: it shows all of its plots, and what it fetches
// first is small. How long that takes is printed, not tested.

import { execFileSync } from "node:child_process";

import { madeUpTrials } from "./support/environment";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const TRIALS = 50_000;
const MOST_BYTES = 1_000_000;
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1];
const { hidden_units: _, ...FIXED } = SMALL;

test("the dashboard of 50,000 trials is small and whole", async ({ serve, openPage, digits }) => {
  const choices = { hidden_units: [16, 32, 64, 128], learning_rate: RATES, dropout: [0, 0.1, 0.2, 0.3] };
  const study = studyFile({ name: "Made up", dataset: digits, trials: TRIALS + 1, fixed: FIXED, choices });
  const server = await serve({ study });
  await server.stop();
  execFileSync(madeUpTrials(), [server.database, "1", String(TRIALS)]);
  await server.restart();

  const { page } = await openPage(server);
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  let bytes = 0;
  network.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  const begin = performance.now();
  await page.goto("/studies/1");
  await expect(page.getByRole("table", { name: "Leaderboard" }).getByRole("row")).toHaveCount(11);
  const leaderboardMillis = performance.now() - begin;
  await expect(page.locator("figure svg.plot")).toHaveCount(8);
  console.log(`leaderboard after ${leaderboardMillis.toFixed(0)} ms, all plots after ${(performance.now() - begin).toFixed(0)} ms, ${bytes} bytes`);
  expect(bytes).toBeLessThan(MOST_BYTES);

  await expect(page.getByText(/Of 50,000 trials the plots show/)).toBeVisible();
  const drawing = page.getByRole("img", { name: /^How good has the best become/ });
  await drawing.focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText("Setting");
});
