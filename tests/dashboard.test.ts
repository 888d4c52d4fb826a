// The dashboard of a small sweep that was really trained: every plot answers, can be read without eyes,
// saved, and found again by its address; and an operator can change what there is.

import { readFileSync } from "node:fs";

import type { Page } from "@playwright/test";

import { NativeWorkers } from "./support/native-worker";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const { hidden_units: _, ...FIXED } = SMALL;
const CHOICES = { hidden_units: [16, 32], learning_rate: [0.003, 0.01, 0.03] };

/** The questions that plots answer, and a column of the table of each. */
const PLOTS = [
  ["How good has the best become, and when?", "best so far"],
  ["How do trials learn?", "epoch"],
  ["How sensitive is the score to one hyper-parameter?", "hidden units"],
  ["Where do two hyper-parameters work together?", "learning rate"],
  ["Which settings do good trials have in common?", "validation score"],
  ["Do more workers train more?", "workers"],
  ["Who trained what, and when?", "granted"],
] as const;

test("every plot of a real sweep is drawn, has a table, and can be saved", async ({ serve, openPage, digits }) => {
  const study = studyFile({ name: "Plotted", dataset: digits, trials: 6, fixed: { ...FIXED, epochs: 2 }, choices: CHOICES });
  const server = await serve({ study });
  const workers = NativeWorkers.lend(server, "Ada", 2);
  await expect.poll(async () => (await server.api.study(1)).state, { timeout: 120_000 }).toBe("finished");
  await workers.stop();

  const { page } = await openPage(server);
  await page.goto("/studies/1");
  for (const [question, column] of PLOTS) {
    await test.step(question, async () => {
      const figure = page.getByRole("figure", { name: question });
      await expect(figure.locator("svg.plot")).toBeVisible();
      await figure.getByText("Table", { exact: true }).click();
      await expect(figure.getByRole("table", { name: question }).getByRole("columnheader", { name: column })).toBeVisible();
      expect(await saved(page, question, "Drawing (SVG)")).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"[^]*<\/svg>\s*$/);
      expect(await saved(page, question, "Table (CSV)")).toContain(column);
    });
  }

  await test.step("a trial is found by pointer and by keyboard", async () => {
    const drawing = page.getByRole("img", { name: /^How good has the best become/ });
    await drawing.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog")).toContainText("Setting");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
  });

  await test.step("the address holds the view", async () => {
    const figure = page.getByRole("figure", { name: "How sensitive is the score to one hyper-parameter?" });
    await figure.getByLabel("Across").selectOption("hidden_units");
    await page.getByLabel("Keep a range of").selectOption("learning_rate");
    await expect(page).toHaveURL(/x=hidden_units/);
    await page.reload();
    await expect(figure.getByLabel("Across")).toHaveValue("hidden_units");
    await expect(page.getByRole("slider", { name: "learning rate from" })).toHaveValue("0.5");
  });
});

test("an operator changes a study, queues a setting, and creates another", async ({ serve, openPage, digits }) => {
  const study = studyFile({ name: "Operated", dataset: digits, trials: 2, fixed: FIXED, choices: CHOICES });
  const server = await serve({ study });
  const watched = await openPage(server);
  watched.expectComplaint(/40[01]/);
  const { page } = watched;
  await page.goto("/studies/1");

  await test.step("a wrong token is refused and forgotten", async () => {
    await enterToken(page, "wrong");
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(page.getByRole("alert").filter({ hasText: "not the admin token" })).toBeVisible();
  });

  await test.step("pause, resume, extend, queue", async () => {
    await enterToken(page, server.adminToken);
    await page.getByRole("button", { name: "Pause" }).click();
    await expect.poll(async () => (await server.api.study(1)).state).toBe("paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await expect.poll(async () => (await server.api.study(1)).state).toBe("running");
    await page.getByRole("button", { name: "Change budget and weight" }).click();
    await page.getByRole("spinbutton", { name: "Trials" }).fill("5");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByRole("region", { name: "Overview" })).toContainText("of 5");
    await page.getByRole("button", { name: "Queue a setting" }).click();
    await page.getByRole("dialog").getByLabel("learning rate").selectOption("0.03");
    await page.getByRole("button", { name: "Queue it" }).click();
    await expect.poll(async () => (await server.api.trials(1))[0]?.parameters["learning_rate"]).toBe(0.03);
  });

  await test.step("stop", async () => {
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("button", { name: "Stop it now" }).click();
    await expect.poll(async () => (await server.api.study(1)).state).toBe("finished");
  });

  await test.step("a new study, after its mistake was shown", async () => {
    await page.goto("/studies");
    await page.getByRole("button", { name: "New study" }).click();
    await page.getByLabel("Data set").fill(digits);
    await page.getByLabel("Values of learning_rate").fill("3 to 1 log");
    await page.getByRole("button", { name: "Create it" }).click();
    await expect(page.getByRole("alert").filter({ hasText: "Line" })).toContainText("learning_rate");
    await page.getByLabel("Values of learning_rate").fill("1e-3 to 1e-2 log");
    await page.getByRole("button", { name: "Create it" }).click();
    await expect(page.getByRole("heading", { name: "My study" })).toBeVisible();
  });
});

async function enterToken(page: Page, token: string): Promise<void> {
  await page.getByRole("button", { name: "Operate this study" }).click();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Go on" }).click();
}

/** What a plot gives as a file. */
async function saved(page: Page, question: string, what: string): Promise<string> {
  const figure = page.getByRole("figure", { name: question });
  await figure.getByRole("button", { name: `Save: ${question}` }).click();
  const download = page.waitForEvent("download");
  await figure.getByRole("button", { name: what }).click();
  return readFileSync(await (await download).path(), "utf8");
}
