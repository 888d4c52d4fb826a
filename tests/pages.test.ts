// Every page, on a phone and on a desk, by day and by night: accessible, within its width, and without
// a complaint. Leaves pictures in results/ for people to look at.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { draw, SEVEN } from "./support/drawing";
import { results } from "./support/environment";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const WIDTHS = [
  { name: "phone", width: 390, height: 844 },
  { name: "desk", width: 1440, height: 900 },
] as const;
const SCHEMES = ["light", "dark"] as const;

test("every page is accessible and fits, on a phone and on a desk, by day and by night", async ({
  serve,
  openPage,
  openLending,
  digits,
}) => {
  const { hidden_units: _, ...fixed } = SMALL;
  const choices = { hidden_units: [16, 32, 48], learning_rate: [0.003, 0.01, 0.03] };
  const server = await serve({
    study: studyFile({ name: "Finished before", dataset: digits, trials: 6, fixed: { ...fixed, epochs: 3 }, choices }),
  });
  const { page } = await openPage(server);
  await test.step("before anything is trained", async () => {
    await page.goto("/classify");
    await expect(page.getByText("No trial has been verified yet")).toBeVisible();
    await look(page, "classify-empty");
    await page.goto("/studies/1");
    await expect(page.getByRole("cell", { name: "No verified trial yet" })).toBeVisible();
    await look(page, "study-empty");
  });

  const tab = await openLending(server, "Ada with a long nickname of 40 characters");
  await look(tab.page, "lend");
  await tab.lend();
  await expect(tab.core(1)).toContainText("All trials are done", { timeout: 120_000 });
  await look(tab.page, "lend-finished");
  await server.createStudy(
    studyFile({ name: "Running now", dataset: digits, trials: 20, seed: 3, fixed: { ...fixed, epochs: 400 }, choices }),
  );
  await expect(tab.core(1)).toContainText("Training.");
  await expect(tab.core(1).getByText(/step \d+ of 66/)).toBeVisible();
  await look(tab.page, "lend-training");

  await test.step("studies", async () => {
    await page.goto("/studies");
    await expect(page.getByRole("heading", { name: "Running now" })).toBeVisible();
    await look(page, "studies");
    await page.goto("/studies/1");
    await expect(page.getByRole("table", { name: "Leaderboard" }).getByRole("row")).toHaveCount(7);
    await look(page, "study-finished");
    await page.getByRole("table", { name: "Leaderboard" }).getByRole("button", { name: /^Details of trial/ }).first().click();
    await expect(page.getByRole("dialog")).toContainText("Verified");
    await look(page, "trial");
    await page.goto("/studies/2");
    await expect(page.getByRole("table", { name: "Workers now" })).toContainText("Ada");
    await look(page, "study-running");
    await page.goto("/studies/what");
    await expect(page.getByText("This address names no study.")).toBeVisible();
    await look(page, "study-unknown");
  });

  await test.step("classify", async () => {
    await page.goto("/classify");
    await expect(page.getByText(/right for \d+\.\d+ % of the validation images/)).toBeVisible();
    await look(page, "classify");
    await draw(page, SEVEN);
    await expect(page.getByText("Looks like")).toBeVisible();
    await look(page, "classify-drawn");
  });
});

test("a notice that the data are drawn is on every page", async ({ serve, openPage }) => {
  const server = await serve({ study: studyFile({ name: "Drawn", dataset: "synthetic-digits", trials: 1, fixed: SMALL }) });
  expect(server.log).toContain("NOT ON MNIST");
  const { notices } = await server.api.health();
  expect(notices).toHaveLength(1);
  const { page } = await openPage(server);
  for (const address of ["/", "/studies", "/studies/1", "/classify"]) {
    await page.goto(address);
    await expect(page.getByText(notices[0] ?? "")).toBeVisible();
  }
  await look(page, "notice");
});

/** Checks what is shown now at both widths and in both schemes, and keeps pictures of it. */
async function look(page: Page, name: string): Promise<void> {
  mkdirSync(results, { recursive: true });
  for (const { name: size, width, height } of WIDTHS) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const what = `${name}-${size}-${colorScheme}`;
      await page.screenshot({ path: join(results, `${what}.png`), fullPage: true });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect.soft(violations.map(inWords), what).toEqual([]);
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect.soft(overflow, `${name}-${size}: pixels beyond the right edge`).toBe(0);
  }
}

interface Violation {
  id: string;
  help: string;
  nodes: { html: string }[];
}

function inWords({ id, help, nodes }: Violation): string {
  return `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`;
}
