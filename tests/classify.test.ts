// A digit drawn or dropped is classified in the page, and nothing leaves it meanwhile.

import type { Page, Request } from "@playwright/test";

import { draw, ONE, SEVEN, ZERO, type Point } from "./support/drawing";
import type { Server } from "./support/server";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

test("a drawn digit is recognised in the page, and no request leaves it", async ({ serve, openPage, openLending, digits }) => {
  const server = await serve({ study: studyFile({ name: "Digits", dataset: digits, trials: 1, fixed: { ...SMALL, epochs: 6 } }) });
  await trained(server, await openLending(server, "Teacher"));
  const { page } = await openPage(server);
  await page.goto("/classify");
  await expect(page.getByText(/right for \d+\.\d+ % of the validation images/)).toBeVisible();
  await page.waitForLoadState("networkidle");

  const requests = requestsOf(page);
  const bars = page.getByRole("list", { name: "Probabilities" }).getByRole("listitem");
  const verdict = page.getByRole("status").filter({ hasText: "Looks like" });
  for (const [digit, stroke] of [["0", ZERO], ["1", ONE], ["7", SEVEN]] as const) {
    await draw(page, stroke);
    await expect(bars).toHaveCount(10);
    await expect(verdict).toHaveText(`Looks like ${digit}`);
    await expect(bars.nth(Number(digit))).toHaveText(new RegExp(`^${digit}\\s+\\d+\\.\\d %$`));
    if (digit !== "7") await page.getByRole("button", { name: "Clear" }).click();
  }
  const shares = (await bars.allInnerTexts()).map((text) => Number(/([\d.]+) %/.exec(text)?.[1]));
  const total = shares.reduce((sum, share) => sum + share, 0);
  expect(total, "the ten shares make a whole, but for rounding").toBeGreaterThan(99);
  expect(total).toBeLessThan(101);

  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("Nothing to look at yet.")).toBeVisible();
  await page.getByLabel("Drawing pad").click();
  await expect(verdict, "a dot is ink as well").toBeVisible();
  expect(requests()).toEqual([]);
});

test("a picture of a digit is recognised, dropped or chosen, and what is no picture is named so", async ({
  serve,
  openPage,
  openLending,
  digits,
}) => {
  const server = await serve({ study: studyFile({ name: "Digits", dataset: digits, trials: 1, fixed: { ...SMALL, epochs: 6 } }) });
  await trained(server, await openLending(server, "Teacher"));
  const { page } = await openPage(server);
  await page.goto("/classify");
  await expect(page.getByText(/right for \d+\.\d+ % of the validation images/)).toBeVisible();
  await page.waitForLoadState("networkidle");
  const requests = requestsOf(page);
  const verdict = page.getByRole("status").filter({ hasText: "Looks like" });

  await drop(page, "seven.png", "image/png", await picture(page, SEVEN));
  await expect(verdict).toHaveText("Looks like 7");

  await page.getByLabel("Choose a picture").setInputFiles({
    name: "zero.png",
    mimeType: "image/png",
    buffer: Buffer.from(await picture(page, ZERO), "base64"),
  });
  await expect(verdict).toHaveText("Looks like 0");

  await drop(page, "notes.png", "image/png", Buffer.from("not a picture at all").toString("base64"));
  await expect(page.getByRole("alert")).toContainText("This file can't be read as a picture.");
  await expect(verdict, "what was there before stays").toHaveText("Looks like 0");

  await drop(page, "one.png", "image/png", await picture(page, ONE));
  await expect(verdict).toHaveText("Looks like 1");
  await expect(page.getByRole("alert"), "the message goes away").not.toContainText("can't be read");
  expect(requests()).toEqual([]);
});

interface Lends {
  lend: () => Promise<void>;
  close: () => Promise<void>;
}

/** Has a tab train the study's only trial, to a score that can read plain digits. */
async function trained(server: Server, tab: Lends): Promise<void> {
  await tab.lend();
  await expect.poll(() => server.api.state(1, 0), { timeout: 120_000 }).toBe("verified");
  const [row] = await server.api.leaderboard(1);
  expect(row?.validation_score).toBeGreaterThan(0.9);
  await tab.close();
}

/** The requests and sockets that a page makes from now on. */
function requestsOf(page: Page): () => string[] {
  const urls: string[] = [];
  page.on("request", (request: Request) => urls.push(`${request.method()} ${request.url()}`));
  page.on("websocket", (socket) => urls.push(`socket ${socket.url()}`));
  return () => urls;
}

/** A stroke as a picture file, base64: dark on light, not square, the digit small and off the middle. */
async function picture(page: Page, stroke: readonly Point[]): Promise<string> {
  return page.evaluate((stroke) => {
    const canvas = document.createElement("canvas");
    canvas.width = 400;
    canvas.height = 300;
    const paper = canvas.getContext("2d") as CanvasRenderingContext2D;
    paper.fillStyle = "#f4f1e8";
    paper.fillRect(0, 0, 400, 300);
    paper.strokeStyle = "#223";
    paper.lineWidth = 12;
    paper.lineCap = paper.lineJoin = "round";
    paper.beginPath();
    for (const [x, y] of stroke) paper.lineTo(190 + x * 180, 60 + y * 180);
    paper.stroke();
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  }, stroke);
}

/** Drops a file onto the page. */
async function drop(page: Page, name: string, type: string, base64: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ name, type, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name, { type }));
      return transfer;
    },
    { name, type, base64 },
  );
  const pad = page.getByLabel("Drawing pad");
  await pad.dispatchEvent("dragover", { dataTransfer: transfer });
  await pad.dispatchEvent("drop", { dataTransfer: transfer });
}
