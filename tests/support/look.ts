// What is shown now, on a phone and on a desk, by day and by night: accessible and within its width.
// Leaves pictures in results/ for people to look at.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

import { results } from "./environment";

const WIDTHS = [
  { name: "phone", width: 390, height: 844 },
  { name: "desk", width: 1440, height: 900 },
] as const;
const SCHEMES = ["light", "dark"] as const;

/** Checks what is shown now at both widths and in both schemes, and keeps pictures of it. */
export async function look(page: Page, name: string): Promise<void> {
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
