// The page where tabs are lent: each control does what it says, lanes show what is going on, and a trial
// of the leaderboard comes out equal when it is trained once more.

import type { Page, Request } from "@playwright/test";

import { look } from "./support/look";
import { processorShare } from "./support/processor-time";
import { SMALL, studyFile } from "./support/study";
import { expect, test } from "./support/system";

const LONG = { ...SMALL, epochs: 900 };

test("power decides how much of a processor a core takes, also while it runs", async ({ serve, openLending, digits, browser }) => {
  const server = await serve({ study: studyFile({ name: "Long", dataset: digits, trials: 1, fixed: LONG }) });
  const tab = await openLending(server, "Gentle");
  await tab.setPower(25);
  await tab.lend();
  await tab.firstLease();
  await tab.reports(2);
  const share = (): Promise<number> => processorShare(browser, () => tab.reports(4));
  const quarter = await share();
  expect(quarter, "a quarter, and what drawing the page takes").toBeLessThan(0.5);
  await tab.setPower(100);
  await tab.reports(1);
  expect(await share()).toBeGreaterThan(1.5 * quarter);
});

test("a computer on its battery computes nothing until it is plugged in, unless that is allowed", async ({ serve, openLending, digits }) => {
  const server = await serve({ study: studyFile({ name: "Long", dataset: digits, trials: 1, fixed: LONG }) });
  const tab = await openLending(server, "Mobile");
  await tab.page.addInitScript(() => {
    const battery = Object.assign(new EventTarget(), { charging: false });
    Object.assign(navigator, { getBattery: () => Promise.resolve(battery) });
    Object.assign(globalThis, {
      plug: (charging: boolean) => {
        battery.charging = charging;
        battery.dispatchEvent(new Event("chargingchange"));
      },
    });
  });
  await tab.page.reload();
  const plug = (charging: boolean): Promise<void> =>
    tab.page.evaluate((is) => (globalThis as unknown as { plug: (is: boolean) => void }).plug(is), charging);
  const state = (): Promise<string> => server.api.state(1, 0);

  await tab.page.getByRole("button", { name: "Lend this tab" }).click();
  await expect(tab.page.getByText("This computer runs on its battery")).toBeVisible();
  expect(tab.page.workers()).toHaveLength(0);
  await plug(true);
  await expect.poll(state).toBe("running");
  await plug(false);
  await expect.poll(state, { message: "the trial is given back" }).toBe("waiting");
  await expect.poll(() => tab.page.workers().length).toBe(0);
  await tab.page.getByLabel("Pause on battery").uncheck();
  await expect.poll(state).toBe("running");
});

test("a lock keeps a hidden tab going only while that is wanted", async ({ serve, openLending, digits }) => {
  const server = await serve({ study: studyFile({ name: "Long", dataset: digits, trials: 1, fixed: LONG }) });
  const tab = await openLending(server, "Hidden");
  const locks = (): Promise<(string | undefined)[]> => tab.page.evaluate(lockNames);
  expect(await locks()).toEqual([]);
  await tab.lend();
  await expect.poll(locks).toEqual(["tabsweep.lending"]);
  await tab.page.getByLabel("Keep going in a hidden tab").uncheck();
  await expect.poll(locks).toEqual([]);
  await tab.page.getByLabel("Keep going in a hidden tab").check();
  await expect.poll(locks).toEqual(["tabsweep.lending"]);
  await tab.stop();
  await expect.poll(locks).toEqual([]);
});

test("choices are remembered", async ({ serve, openLending, digits }) => {
  const server = await serve({ study: studyFile({ dataset: digits, trials: 1, fixed: SMALL }) });
  const { page } = await openLending(server, "Ada");
  await page.getByLabel("Power").fill("40");
  await page.getByLabel("Keep going in a hidden tab").uncheck();
  await page.reload();
  await expect(page.getByLabel("Power")).toHaveValue("40");
  await expect(page.getByLabel("Nickname")).toHaveValue("Ada");
  await expect(page.getByLabel("Cores")).toHaveValue("1");
  await expect(page.getByLabel("Keep going in a hidden tab")).not.toBeChecked();
  await expect(page.getByLabel("Make room when this computer is busy")).not.toBeChecked();
});

test("a lane shows loss, scores and wrong digits, and verified work is credited", async ({ serve, openLending, digits }) => {
  const fixed = { ...SMALL, epochs: 3 };
  const server = await serve({ study: studyFile({ name: "Shown", dataset: digits, trials: 2, fixed }) });
  const tab = await openLending(server, "Ada");
  await expect(tab.page.getByText("For Shown: 0 of 2 trials done")).toBeVisible();
  await tab.lend();
  const lane = tab.core(1);
  await expect(lane.getByRole("img", { name: /^Loss from \d/ })).toBeVisible();
  await expect(lane.getByText(/^Validation after .*epoch \d: \d+\.\d\d %/)).toBeVisible();
  await expect(lane.getByRole("img", { name: /^A \d that it takes for a \d$/ }).first()).toBeVisible();
  await expect(lane).toContainText("All trials are done. Thank you!", { timeout: 90_000 });

  const results = tab.page.getByRole("region", { name: "Your results" });
  await expect(results).toContainText("Verified in all 2");
  await expect(results).toContainText(/multiply-adds \d+(\.\d+)? [a-z]+/);
  await expect(results).toContainText("Rank 1");
});

test("a trial of the leaderboard comes out equal to the bit in another tab, which uploads nothing", async ({
  serve,
  openPage,
  openLending,
  digits,
}) => {
  const server = await serve({ study: studyFile({ name: "Twice", dataset: digits, trials: 1, fixed: SMALL }) });
  const tab = await openLending(server, "First");
  await tab.lend();
  await expect.poll(() => server.api.state(1, 0), { timeout: 60_000 }).toBe("verified");
  await tab.close();

  const watched = await openPage(server);
  const { page } = watched;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.method()));
  page.on("websocket", () => asked.push("socket"));
  await page.goto("/?reproduce=1/0");
  await expect(page.getByText("Not trained here yet.")).toBeVisible();
  expect(page.workers()).toHaveLength(0);
  await page.getByRole("button", { name: "Train it in this tab" }).click();
  await expect(page.getByText("Equal to the bit.")).toBeVisible({ timeout: 90_000 });
  const { weights_sha256: expected } = await server.api.trial(1, 0);
  await expect(page.getByText(expected ?? "none")).toHaveCount(2);
  expect(new Set(asked)).toEqual(new Set(["GET"]));
  await look(page, "reproduced");

  watched.expectComplaint(/404/);
  await page.goto("/?reproduce=1/7");
  await expect(page.getByRole("alert")).toContainText("no trial 7");
});

test("on a small phone the button is in sight, and nothing is wider than the screen", async ({ serve, openPage, digits }) => {
  const server = await serve({ study: studyFile({ name: "Phone", dataset: digits, trials: 1, fixed: SMALL }) });
  const { page } = await openPage(server, { viewport: { width: 360, height: 640 } });
  await page.goto("/");
  await expect(page.getByText("For Phone")).toBeInViewport();
  await expect(page.getByRole("button", { name: "Lend this tab" })).toBeInViewport();
  expect(await overflow(page)).toBe(0);
});

test("the page's scripts are small", async ({ serve, openPage, digits }) => {
  const server = await serve({ study: studyFile({ dataset: digits, trials: 1, fixed: SMALL }) });
  const { page } = await openPage(server);
  const scripts: Request[] = [];
  page.on("requestfinished", (request) => {
    if (request.resourceType() === "script") scripts.push(request);
  });
  await page.goto("/");
  await expect(page.getByRole("button", { name: "Lend this tab" })).toBeVisible();
  const sizes = await Promise.all(scripts.map((script) => script.sizes()));
  const bytes = sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes, "compressed").toBeLessThan(60_000);
});

async function lockNames(): Promise<(string | undefined)[]> {
  const { held } = await navigator.locks.query();
  return (held ?? []).map(({ name }) => name);
}

function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
