// Nothing computes before somebody agrees, stopping stops everything, and who waits is told why.

import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

test("nothing computes before the click, and stopping ends all workers and gives the trial back", async ({
  serve,
  openLending,
  digits,
}) => {
  const fixed = { ...SMALL, epochs: 200 };
  const server = await serve({ study: studyFile({ name: "Long", dataset: digits, trials: 2, fixed }) });
  const tab = await openLending(server, "Careful");
  // Everything that the page fetches by itself has arrived.
  await tab.page.waitForLoadState("networkidle");
  expect(tab.page.workers()).toHaveLength(0);
  expect(tab.sockets).toHaveLength(0);
  expect((await server.api.study(1)).counts).toMatchObject({ unsuggested: 2 });

  const cores = Number(await tab.page.getByLabel("Cores").getAttribute("max"));
  const most = Math.min(cores, 2);
  await tab.setCores(most);
  await tab.lend();
  await expect.poll(() => tab.page.workers().length).toBe(most);
  await expect.poll(async () => (await server.api.study(1)).counts.running).toBe(most);
  await expect.poll(() => tab.step, { timeout: 60_000 }).toBeGreaterThan(0);

  await tab.stop();
  await expect.poll(() => tab.page.workers().length).toBe(0);
  await expect.poll(async () => (await server.api.study(1)).counts, { timeout: 5_000 }).toMatchObject({ waiting: most, running: 0 });
  expect(tab.sockets.every((socket) => socket.isClosed())).toBe(true);
  await expect.poll(async () => (await server.api.study(1)).workers).toEqual([]);
  const trial = await server.api.trial(1, 0);
  expect(trial.leases).toMatchObject([{ attempt: 1, ended: "released" }]);

  await tab.setCores(1);
  await tab.lend();
  await expect.poll(() => server.api.state(1, 0), { message: "the same trial is taken up again" }).toBe("running");
  expect((await server.api.trial(1, 0)).attempts).toBe(2);
});

test("a tab that has nothing to do says why, and goes on by itself when there is work", async ({ serve, openLending, digits }) => {
  const server = await serve({ study: studyFile({ name: "Short", dataset: digits, trials: 1, fixed: SMALL }) });
  const tab = await openLending(server, "Patient");
  await tab.lend();
  await expect(tab.core(1)).toContainText("All trials are done. Thank you!", { timeout: 60_000 });
  const waiting = await openLending(server, "Late");
  await waiting.lend();
  await expect(waiting.core(1)).toContainText("All trials are done.");
  await waiting.stop();

  const study = await server.createStudy(studyFile({ name: "Next", dataset: digits, trials: 1, seed: 5, fixed: SMALL }));
  await expect.poll(() => server.api.state(study, 0), { timeout: 60_000 }).toBe("verified");
  expect(await server.api.leaderboard(study)).toMatchObject([{ volunteer: { nickname: "Patient" } }]);
});
