// What processes use, as the kernel counts it. Linux only, like the browsers that run these tests.

import { readFileSync } from "node:fs";

import type { Browser } from "@playwright/test";

/** Resident memory of the browser's renderers without what they share, in MiB, largest first. */
export async function rendererMegabytes(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  return renderers.map(({ id }) => privateMegabytes(id)).toSorted((a, b) => b - a);
}

function privateMegabytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kibibytes = [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, size]) => Number(size));
  return Math.round(kibibytes.reduce((sum, size) => sum + size, 0) / 1024);
}
