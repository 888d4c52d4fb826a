// The pictures in the README: a real sweep on real MNIST, drawn anew on request.
//   TABSWEEP_PICTURES=1 TABSWEEP_MNIST_DIR=… npx playwright test pictures.test.ts

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { draw, SEVEN } from "./support/drawing";
import { environment } from "./support/environment";
import { expect, test } from "./support/system";

const { mnist } = environment();
const root = join(import.meta.dirname, "..");
/** Trials with a score after which the pictures are taken. */
const SCORED = 6;

test("the pictures in the README", async ({ serve, openLending, context }) => {
  test.skip(!process.env["TABSWEEP_PICTURES"], "TABSWEEP_PICTURES is not set");
  test.skip(mnist === undefined, "TABSWEEP_MNIST_DIR is not set");
  test.setTimeout(1_200_000);
  const study = readFileSync(join(root, "server/studies/first.toml"), "utf8");
  const server = await serve({ study, flags: ["--dataset-dir", mnist ?? ""] });
  const tabs = [await openLending(server, "first tab"), await openLending(server, "second tab")];
  await Promise.all(tabs.map((tab) => tab.lend()));
  const scored = async (): Promise<number> => {
    const { verified, paused } = (await server.api.study(1)).counts;
    return verified + paused;
  };
  await expect.poll(scored, { timeout: 1_000_000, intervals: [1_000] }).toBeGreaterThanOrEqual(SCORED);

  const [tab] = tabs;
  if (tab) await keep(tab.page, "lend", 1000);
  const page = await context.newPage();
  await page.goto(`${server.url}/studies/1`);
  await expect(page.getByRole("heading", { name: "How sensitive is the score to one hyper-parameter?" })).toBeVisible();
  await keep(page, "dashboard", 1900);
  await page.goto(`${server.url}/classify`);
  await draw(page, SEVEN);
  await expect(page.getByText("Looks like 7")).toBeVisible();
  await keep(page, "classify", 1000);
});

async function keep(page: Page, name: string, height: number): Promise<void> {
  await page.setViewportSize({ width: 1200, height });
  await page.screenshot({ path: join(root, "docs", `${name}.png`) });
}
