// Every page, on a phone and on a desk, by day and by night: accessible, within its width, and without
// a complaint.

import { draw, SEVEN } from "./support/drawing";
import { look } from "./support/look";
import { picture } from "./support/picture";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

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
    const buffer = Buffer.from(await picture(page, SEVEN), "base64");
    const files = ["seven.png", "another seven.png", "no picture.png"].map((name) => ({ name, mimeType: "image/png", buffer }));
    await page.getByLabel("Choose pictures").setInputFiles(files.map((file, i) => (i < 2 ? file : { ...file, buffer: Buffer.from("no") })));
    await page.getByText("1 picture without a result").click();
    await look(page, "classify-many");
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
