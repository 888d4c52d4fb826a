// Digits drawn, dropped, pasted, photographed or brought by the hundred are read in the page, and
// nothing leaves it meanwhile.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Locator, Page, Request } from "@playwright/test";

import { draw, ONE, SEVEN, ZERO } from "./support/drawing";
import { environment } from "./support/environment";
import { removeFolder, temporaryFolder } from "./support/folder";
import { drop, paste, photo, picture } from "./support/picture";
import type { Server } from "./support/server";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";
import { writeFilm } from "./support/video";
import { WatchedPage } from "./support/watched-page";

test("drawn digits are read in the page, and no request leaves it", async ({ serve, openPage, openLending, digits }) => {
  const server = await serve({ study: teacher(digits, 1) });
  await trained(server, await openLending(server, "Teacher"));
  const { page } = await openPage(server);
  await opened(page);

  const requests = requestsOf(page);
  const bars = page.getByRole("table", { name: "Probabilities" }).getByRole("cell").filter({ hasText: "%" });
  for (const [digit, stroke] of [["0", ZERO], ["1", ONE], ["7", SEVEN]] as const) {
    await draw(page, stroke);
    await expect(verdict(page)).toHaveText(`Looks like ${digit}`);
    await expect(bars).toHaveCount(10);
    if (digit !== "7") await page.getByRole("button", { name: "Clear" }).click();
  }
  const shares = (await bars.allInnerTexts()).map((text) => Number.parseFloat(text));
  const total = shares.reduce((sum, share) => sum + share, 0);
  expect(total, "the ten shares make a whole, but for rounding").toBeGreaterThan(99);
  expect(total).toBeLessThan(101);
  expect(shares.indexOf(Math.max(...shares))).toBe(7);

  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("Nothing to look at yet.")).toBeVisible();
  await page.getByLabel("Drawing pad").click();
  await expect(verdict(page), "a dot is ink as well").toBeVisible();

  await test.step("by keyboard", async () => {
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByLabel("Drawing pad").focus();
    for (const key of [" ", ...Array.from({ length: 10 }, () => "ArrowDown"), " "]) await page.keyboard.press(key);
    await expect(verdict(page)).toHaveText("Looks like 1");
    await page.keyboard.press("Control+z");
    await expect(page.getByText("Nothing to look at yet.")).toBeVisible();
  });

  await test.step("two beside each other", async () => {
    await draw(page, SEVEN.map(([x, y]) => [x / 2, 0.25 + y / 2] as const));
    await draw(page, ZERO.map(([x, y]) => [0.5 + x / 2, 0.25 + y / 2] as const));
    await expect(verdict(page)).toHaveText("Looks like 70");
  });
  expect(requests()).toEqual([]);
});

test("pictures are read, dropped, pasted or chosen, and what is no picture is named so", async ({
  serve,
  openPage,
  openLending,
  digits,
}) => {
  const server = await serve({ study: teacher(digits, 1) });
  await trained(server, await openLending(server, "Teacher"));
  const { page } = await openPage(server);
  await opened(page);
  const requests = requestsOf(page);

  await drop(page, ["seven.png", await picture(page, SEVEN)]);
  await expect(verdict(page)).toHaveText("Looks like 7");
  await page.getByLabel("Choose pictures").setInputFiles({
    name: "zero.png",
    mimeType: "image/png",
    buffer: Buffer.from(await picture(page, ZERO), "base64"),
  });
  await expect(verdict(page)).toHaveText("Looks like 0");

  await drop(page, ["notes.png", Buffer.from("not a picture at all").toString("base64")]);
  await expect(page.getByRole("alert")).toContainText("This file can't be read as a picture.");
  await expect(verdict(page), "what was there before stays").toHaveText("Looks like 0");
  await paste(page, "one.png", await picture(page, ONE));
  await expect(verdict(page)).toHaveText("Looks like 1");
  await expect(page.getByRole("alert"), "the message goes away").not.toContainText("can't be read");

  await test.step("a photo of several digits in bad light", async () => {
    const digits = [
      { stroke: SEVEN, left: 30, top: 30, size: 140 },
      { stroke: ONE, left: 170, top: 40, size: 140 },
      { stroke: ZERO, left: 310, top: 20, size: 140 },
      { stroke: SEVEN, left: 150, top: 200, size: 140 },
    ];
    await drop(page, ["page.png", await photo(page, digits)]);
    await expect(verdict(page)).toHaveText("Looks like 7107");
    const found = page.getByRole("group", { name: "Digits found" }).getByRole("button");
    await expect(found).toHaveCount(4);
    await found.nth(2).click();
    await expect(found.nth(2)).toHaveAttribute("aria-pressed", "true");
    const zero = page.getByRole("row", { name: /^0 / }).first();
    await expect(zero).toHaveClass(/best/);
    const steps = page.getByRole("region", { name: "How the picture is read" });
    await expect(steps.getByRole("figure")).toHaveCount(5);
    await expect(steps).toContainText("Centred by weight in 28 × 28");
  });

  await test.step("a picture without ink", async () => {
    await drop(page, ["blank.png", await photo(page, [])]);
    await expect(page.getByText("No ink found in the picture.")).toBeVisible();
  });
  expect(requests()).toEqual([]);
});

test("a folder is read while the page stays at hand, bad pictures are named, and the sheet is saved", async ({
  serve,
  openPage,
  openLending,
  digits,
}) => {
  const server = await serve({ study: teacher(digits, 1) });
  await trained(server, await openLending(server, "Teacher"));
  const { page } = await openPage(server);
  await opened(page);
  const folder = join(temporaryFolder(), "letters");
  mkdirSync(folder);
  const strokes = [ZERO, ONE, SEVEN];
  const files = await Promise.all(strokes.map((stroke) => picture(page, stroke)));
  for (let i = 0; i < 120; i += 1) writeFileSync(join(folder, `${i}.png`), Buffer.from(files[i % 3] ?? "", "base64"));
  writeFileSync(join(folder, "shopping, list.txt"), "bread");

  const requests = requestsOf(page);
  await page.getByLabel("Choose a folder").setInputFiles(folder);
  await expect(page.getByRole("progressbar", { name: "Pictures read" })).toBeVisible();
  await draw(page, SEVEN);
  await expect(verdict(page), "while the folder is being read").toHaveText("Looks like 7");
  await expect(page.getByText("121 of 121 pictures read")).toBeVisible();
  await expect(page.getByText("120 of 120 digits")).toBeVisible();

  await page.getByText("1 picture without a result").click();
  const failures = page.getByRole("list", { name: "Pictures without a result" });
  await expect(failures).toContainText("letters/shopping, list.txt: This file can't be read as a picture.");

  const results = page.getByRole("table", { name: "Results" });
  await expect(results.getByRole("row")).toHaveCount(51);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByText("Page 2 of 3")).toBeVisible();
  await page.getByRole("combobox", { name: "Class" }).selectOption("7");
  await expect(page.getByText("40 of 120 digits")).toBeVisible();
  await expect(results.getByRole("row").nth(1)).toContainText("letters/2.png");
  await results.getByRole("button", { name: "Picture" }).click();
  await expect(results.getByRole("row").nth(1)).toContainText("letters/119.png");

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as CSV" }).click();
  const lines = readFileSync(await (await download).path(), "utf8").trimEnd().split("\r\n");
  expect(lines).toHaveLength(41);
  expect(lines[0]).toBe("picture,digit,class,confidence,votes,models");
  expect(lines[1]).toMatch(/^letters\/119\.png,1,7,[01]\.\d{6},1,1$/);

  await page.getByLabel("Confidence from, %").fill("100.1");
  await expect(page.getByText("0 of 120 digits")).toBeVisible();
  expect(requests()).toEqual([]);
  removeFolder(join(folder, ".."));
});

test("several models vote, any of them can be chosen, and all is there without the server", async ({
  serve,
  openPage,
  openLending,
  digits,
}) => {
  const server = await serve({ study: teacher(digits, 3) });
  await trained(server, await openLending(server, "Teacher"));
  const watched = await openPage(server);
  const { page } = watched;
  const [, , worst] = await server.api.models();
  await opened(page, `/classify?model=${worst?.weights_sha256}`);
  await expect(page.getByLabel("Model", { exact: true })).toHaveValue(worst?.weights_sha256 ?? "");

  const sides = page.getByRole("table", { name: "Side by side" });
  await expect(sides.getByRole("row")).toHaveCount(5);
  await draw(page, SEVEN);
  await expect(sides.getByRole("row", { name: /^Vote: \d of 3/ })).toContainText("7");
  await page.getByLabel("Ask the best others as well").uncheck();
  await expect(sides).toBeHidden();
  await page.getByLabel("Ask the best others as well").check();
  await expect(sides.getByRole("row")).toHaveCount(5);
  await expect(page.getByText("work offline too")).toBeVisible();

  await watched.whileServerIsAway(async () => {
    await server.kill();
    await page.reload();
    await expect(page.getByText("these are the models that this browser has kept")).toBeVisible();
    await draw(page, ZERO);
    await expect(verdict(page)).toHaveText("Looks like 0");
    await expect(sides.getByRole("row", { name: /^Vote: \d of 3/ })).toBeVisible();
    await server.restart();
  });
  await page.reload();
  await expect(page.getByText(/right for \d+\.\d+ % of the validation images/)).toBeVisible();
  await expect(page.getByText("these are the models that this browser has kept"), "the server's word again").toBeHidden();
});

test("the camera is asked for at the click only, and its picture is read", async ({ playwright, serve, openLending, digits }) => {
  const server = await serve({ study: teacher(digits, 1) });
  await trained(server, await openLending(server, "Teacher"));
  const folder = temporaryFolder();
  writeFilm(join(folder, "camera.y4m"), SEVEN);
  const flags = ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${join(folder, "camera.y4m")}`];
  const args = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", ...flags];
  const browser = await playwright.chromium.launch({ executablePath: environment().chromium, args });
  const watched = await WatchedPage.open(await browser.newContext({ baseURL: server.url }), server.url);
  const { page } = watched;
  await page.addInitScript(() => {
    const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => {
      document.documentElement.dataset["asked"] = "camera";
      return asked(wanted);
    };
  });
  await opened(page);
  const button = page.getByRole("button", { name: "Use the camera" });
  await expect(button).toBeVisible();
  await expect(page.locator("html")).not.toHaveAttribute("data-asked");
  await button.click();
  await page.getByRole("button", { name: "Take the picture" }).click();
  await expect(verdict(page)).toHaveText("Looks like 7");
  await expect(page.getByRole("dialog")).toBeHidden();
  expect(watched.complaints).toEqual([]);
  await browser.close();
  removeFolder(folder);
});

test("a new build replaces what was kept of the old one", async ({ serve, openPage, digits }) => {
  const pages = temporaryFolder();
  cpSync(environment().pages, pages, { recursive: true });
  const server = await serve({ study: teacher(digits, 1), pages });
  const watched = await openPage(server);
  const { page } = watched;
  const keptPages = (): Promise<string[]> =>
    page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("tabsweep-page-")));
  await page.goto("/classify");
  await expect(page.getByText("work offline too")).toBeVisible();
  const [old] = await keptPages();

  change(join(pages, "classify.html"), "<title>", "<title>New: ");
  writeFileSync(join(pages, "new.txt"), "new");
  change(join(pages, "service-worker.js"), '["/assets/', '["/new.txt","/assets/');
  await page.reload();
  await expect(page).toHaveTitle(/^New: /);
  await expect.poll(keptPages).not.toContain(old);
  expect(await keptPages()).toHaveLength(1);
  await watched.whileServerIsAway(async () => {
    await server.kill();
    await page.reload();
    await expect(page, "of the new build also without the server").toHaveTitle(/^New: /);
    await server.restart();
  });
  removeFolder(pages);
});

test("the page's headers keep everything foreign out", async ({ serve, openPage, digits }) => {
  const server = await serve({ study: teacher(digits, 1) });
  const { page } = await openPage(server);
  for (const address of ["/classify", "/service-worker.js"]) {
    const headers = (await page.request.get(address)).headers();
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(headers["cross-origin-embedder-policy"]).toBe("require-corp");
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
    expect(headers["content-security-policy"]).toContain("default-src 'self'");
    expect(headers["cache-control"]).toBe("no-cache");
  }
});

/** Changes a built file, whose compressed forms then no longer fit. */
function change(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  writeFileSync(file, text.replaceAll(from, to));
  for (const ending of [".br", ".gz"]) rmSync(file + ending, { force: true });
}

function teacher(dataset: string, trials: number): string {
  return studyFile({ name: "Digits", dataset, trials, fixed: { ...SMALL, epochs: 6 } });
}

interface Lends {
  lend: () => Promise<void>;
  close: () => Promise<void>;
}

/** Has a tab train all the study's trials, to scores that can read plain digits. */
async function trained(server: Server, tab: Lends): Promise<void> {
  await tab.lend();
  await expect.poll(async () => (await server.api.study(1)).state, { timeout: 120_000 }).toBe("finished");
  for (const row of await server.api.leaderboard(1)) expect(row.validation_score).toBeGreaterThan(0.9);
  await tab.close();
}

/** The page with its models ready, and all that it fetches fetched. */
async function opened(page: Page, address = "/classify"): Promise<void> {
  await page.goto(address);
  await expect(page.getByText(/right for \d+\.\d+ % of the validation images/)).toBeVisible();
  await expect(page.getByText("work offline too")).toBeVisible();
  await page.waitForLoadState("networkidle");
}

function verdict(page: Page): Locator {
  return page.getByRole("status").filter({ hasText: "Looks like" });
}

/** The requests and sockets that a page and its workers make from now on. */
function requestsOf(page: Page): () => string[] {
  const urls: string[] = [];
  page.context().on("request", (request: Request) => {
    if (!request.url().startsWith("blob:")) urls.push(`${request.method()} ${request.url()}`);
  });
  page.on("websocket", (socket) => urls.push(`socket ${socket.url()}`));
  return () => urls;
}
