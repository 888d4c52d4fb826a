// A server that dies without a word and comes back: the tabs carry on by themselves.

import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const EPOCHS = 100;

test("a server killed mid-trial and started again: the tab comes back and finishes, nothing is lost or done twice", async ({
  serve,
  openLending,
  digits,
}) => {
  const study = studyFile({ name: "Restarted", dataset: digits, trials: 2, fixed: { ...SMALL, epochs: EPOCHS } });
  const server = await serve({ study, flags: ["--checkpoint-secs", "1"] });
  const tab = await openLending(server, "Persistent");
  await tab.lend();
  const lease = await tab.firstLease();
  await expect.poll(() => tab.step, { timeout: 60_000 }).toBeGreaterThan(0);
  const stepBefore = tab.step;

  await tab.watched.whileServerIsAway(async () => {
    await server.kill();
    await expect(tab.core(1)).toContainText("Not connected: going on alone");
    await server.restart();
    await expect.poll(() => tab.heard.filter(({ type }) => type === "welcome").length, { timeout: 60_000 }).toBe(2);
  });
  expect(tab.heard.findLast(({ type }) => type === "welcome")).toMatchObject({ resumed: true });
  expect(tab.leases, "no other lease than the first").toHaveLength(1);

  const finished = async (): Promise<string> => (await server.api.study(1)).state;
  await expect.poll(finished, { timeout: 120_000 }).toBe("finished");
  const { counts } = await server.api.study(1);
  expect(counts).toMatchObject({ verified: 2, waiting: 0, running: 0, checking: 0, diverged: 0, failed: 0 });
  expect(tab.leases.map(({ trial, attempt }) => [trial, attempt])).toEqual([[0, 1], [1, 1]]);

  const trial = await server.api.trial(1, 0);
  expect(trial.attempts).toBe(1);
  expect(trial.leases).toMatchObject([{ attempt: 1, ended: "claimed", volunteer: { nickname: "Persistent" } }]);
  const all = Array.from({ length: EPOCHS }, (_, i) => i + 1);
  expect(trial.epochs.map(({ epoch }) => epoch), "each epoch once").toEqual(all);
  const stepsDone = tab.said.filter(({ type, lease: token }) => type === "progress" && token === lease.token);
  const steps = stepsDone.map(({ step }) => Number(step));
  expect(steps, "no step is done twice").toEqual(steps.toSorted((a, b) => a - b));
  expect(steps.at(-1)).toBeGreaterThan(stepBefore);
  const claims = tab.said.filter(({ type, lease: token }) => type === "claim" && token === lease.token);
  expect(claims).toHaveLength(1);
});
