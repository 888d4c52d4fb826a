// How long it takes until a tab trains, and what it costs its owner. Measured and printed, not judged:
// speed belongs to the benchmarks.

import type { Page } from "@playwright/test";

import { environment } from "./support/environment";
import { note } from "./support/measurement";
import { rendererMegabytes } from "./support/process";
import { expect, test } from "./support/system";
import { studyFile } from "./support/study";

const ROUNDS = 5;

const { mnist } = environment();

/** The default shape, LeNet-16-32-128, at the batch size that benchmarks use. */
const LENET = { conv1_channels: 16, conv2_channels: 32, hidden_units: 128, batch_size: 64, epochs: 200 } as const;

test("from opening the page to the first training step, and the memory of a worker", async ({
  browser,
  serve,
  openLending,
  digits,
}) => {
  const server = await serve({ study: studyFile({ name: "Measured", dataset: digits, trials: 1, fixed: LENET }) });
  const opened = performance.now();
  const tab = await openLending(server, "Measured");
  const clicked = performance.now();
  const [idle] = await rendererMegabytes(browser);
  await tab.lend();
  await expect(tab.core(1).getByText(/step [1-9]\d* of/)).toBeVisible();
  const trained = performance.now();

  // Speeds are reported once a second; the first ones are of code that the browser still optimises.
  const speeds = (): number[] =>
    tab.said.filter(({ type }) => type === "progress").map(({ images_per_sec }) => Number(images_per_sec));
  await expect.poll(() => speeds().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(8);
  const [training] = await rendererMegabytes(browser);
  await tab.stop();
  note("a tab on small synthetic digits, LeNet-16-32-128, batch 64, one core", {
    open_millis: Math.round(clicked - opened),
    click_to_first_step_millis: Math.round(trained - clicked),
    images_per_sec: Math.round(median(speeds().slice(3))),
    renderer_idle_mib: idle ?? 0,
    renderer_training_mib: training ?? 0,
  });
});

test("from opening the page to the first training step on MNIST, clicking at once, each time in a new profile", async ({
  browser,
  serve,
  openPage,
}) => {
  test.skip(mnist === undefined, "TABSWEEP_MNIST_DIR is not set");
  const study = studyFile({ name: "Measured", dataset: "mnist", trials: ROUNDS, fixed: LENET });
  const server = await serve({ study, flags: ["--dataset-dir", mnist ?? ""] });
  const firsts: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const watched = await openPage(server);
    const { page } = watched;
    await page.goto("/", { waitUntil: "commit" });
    await page.getByRole("button", { name: "Lend this tab" }).click();
    firsts.push(await stepMillis(page, 1));
    await stepMillis(page, 100);
    const [renderer] = await rendererMegabytes(browser);
    memory.push(renderer ?? 0);
    await watched.close();
  }
  note("a tab on MNIST, LeNet-16-32-128, batch 64, clicked at once", {
    open_to_first_step_millis: median(firsts),
    open_to_first_step_millis_range: range(firsts),
    renderer_training_mib: median(memory),
    renderer_training_mib_range: range(memory),
  });
});

/** Milliseconds from the start of the navigation until the page shows a step from `least` on. */
async function stepMillis(page: Page, least: number): Promise<number> {
  const shown = await page.waitForFunction((wanted) => {
    const [, step] = /step (\d+) of/.exec(document.body?.textContent ?? "") ?? [];
    return Number(step ?? 0) >= wanted && performance.now();
  }, least);
  return Math.round(Number(await shown.jsonValue()));
}

function range(values: readonly number[]): string {
  return `${Math.min(...values)} to ${Math.max(...values)}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
