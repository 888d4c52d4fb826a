// A model saved as one HTML file classifies from the disk, without a server and without a network.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { draw, ONE, SEVEN, ZERO } from "./support/drawing";
import { removeFolder, temporaryFolder } from "./support/folder";
import { save } from "./support/export";
import { SMALL, studyFile } from "./support/study";
import { expect, test } from "./support/system";

const MEBIBYTE = 1024 * 1024;

test("a saved model classifies offline from the disk", async ({ serve, openLending, browser, digits }) => {
  const study = studyFile({ name: "Digits </script>", dataset: digits, trials: 1, fixed: { ...SMALL, epochs: 6 } });
  const server = await serve({ study });
  const tab = await openLending(server, "Teacher");
  await tab.lend();
  await expect.poll(() => server.api.state(1, 0), { timeout: 120_000 }).toBe("verified");
  await tab.close();
  const folder = temporaryFolder();
  const file = save(server, 1, "html", join(folder, "digits.html"));
  await server.stop();
  expect(statSync(file).size).toBeLessThan(4 * MEBIBYTE);

  const context = await browser.newContext({ offline: true });
  const page = await context.newPage();
  const heard = complaintsAndRequests(page);
  await page.goto(pathToFileURL(file).href);
  await expect(page.getByText(/trial 0 of Digits <\/script>/)).toBeVisible();
  const verdict = page.getByRole("status").filter({ hasText: "Looks like" });
  for (const [digit, stroke] of [["0", ZERO], ["1", ONE], ["7", SEVEN]] as const) {
    await draw(page, stroke);
    await expect(verdict).toHaveText(`Looks like ${digit}`);
    await page.getByRole("button", { name: "Clear" }).click();
  }
  await draw(page, SEVEN);
  const bars = page.getByRole("table", { name: "Probabilities" });
  await expect(bars.getByRole("row", { name: /^7 \d+\.\d %$/ })).toBeVisible();
  await page.getByText("Where this model comes from").click();
  await expect(page.getByText(readFileSync(file, "utf8").match(/"weights_sha256":"(\w+)"/)?.[1] ?? "a hash")).toBeVisible();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  expect(heard).toEqual([pathToFileURL(file).href]);
  await context.close();
  removeFolder(folder);
});

/** Every request that the page makes, and every error and breach of its policy. */
function complaintsAndRequests(page: Page): string[] {
  const heard: string[] = [];
  page.on("request", (request) => heard.push(request.url()));
  page.on("websocket", (socket) => heard.push(socket.url()));
  page.on("pageerror", (error) => heard.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") heard.push(message.text());
  });
  return heard;
}
