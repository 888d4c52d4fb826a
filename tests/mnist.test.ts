// The main job on the real data: the default setting must reach what it is known to reach.

import { environment } from "./support/environment";
import { note } from "./support/measurement";
import { rendererMegabytes } from "./support/process";
import { expect, test } from "./support/system";
import { studyFile } from "./support/study";

const { mnist } = environment();

test.beforeAll(() => {
  if (mnist === undefined) console.warn("SKIPPED: TABSWEEP_MNIST_DIR is not set, so nothing is tested on real MNIST");
});

test("two epochs of MNIST with the default setting in one tab: at least 98.5 % of the test images", async ({
  browser,
  serve,
  openLending,
}) => {
  test.skip(mnist === undefined, "TABSWEEP_MNIST_DIR is not set");
  test.setTimeout(1_200_000);
  const study = studyFile({ name: "MNIST", dataset: "mnist", trials: 1, fixed: { epochs: 2 } });
  const server = await serve({ study, flags: ["--dataset-dir", mnist ?? ""] });
  expect((await server.api.health()).notices).toEqual([]);
  const tab = await openLending(server, "Default");
  await tab.lend();
  await expect.poll(() => tab.step, { timeout: 120_000 }).toBeGreaterThan(100);
  const [memory] = await rendererMegabytes(browser);
  await expect.poll(() => server.api.state(1, 0), { timeout: 1_000_000, intervals: [1_000] }).toBe("verified");

  const trial = await server.api.trial(1, 0);
  expect(trial.attempts).toBe(1);
  expect(trial.epochs).toHaveLength(2);
  const [lease] = trial.leases;
  const speeds = tab.said.filter(({ type }) => type === "progress").map(({ images_per_sec }) => Number(images_per_sec));
  const sorted = speeds.toSorted((a, b) => a - b);
  note("MNIST, default setting, two epochs, one core", {
    secs: Math.round(((lease?.ended_millis ?? 0) - (lease?.granted_millis ?? 0)) / 1000),
    images_per_sec: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    validation_score: trial.validation_score ?? 0,
    test_score: trial.test_score ?? 0,
    renderer_mib: memory ?? 0,
  });
  expect(trial.test_score).toBeGreaterThanOrEqual(0.985);
});
