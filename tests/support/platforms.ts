// All that a training may run on, and what is missing here. Each is opened when it is first needed.

import type { Browser } from "@playwright/test";

import { BrowserWasm, type Tab } from "./browser";
import { environment, trainers } from "./environment";
import type { Exchange } from "./exchange";
import { Firefox } from "./firefox";
import { Native, widths } from "./native";
import type { Platform } from "./platform";
import { NodeWasm } from "./session";

/** Vector widths that the trainer's kernels know on this kind of processor. */
const WIDTHS = process.arch === "x64" ? ["sse2", "avx2", "avx512"] : ["portable"];

export const UNOPTIMISED = "native, not optimised";

/** Names of everything that trainings are held to, whether or not it is there. */
export const NAMES: readonly string[] = [
  ...WIDTHS.map((width) => `native, ${width}`),
  UNOPTIMISED,
  "Node",
  "Chromium",
  "Firefox",
];

/** Why a platform can't be had here. */
export function missing(name: string): string | undefined {
  const width = WIDTHS.find((width) => name === `native, ${width}`);
  if (width !== undefined && !widths(trainers().optimised).includes(width)) return `this processor has no ${width}`;
  if (name === "Firefox" && environment().firefox === undefined) return "there is no Firefox: install it, or set FIREFOX_PATH";
  return undefined;
}

/** Platforms that are open. */
export class Platforms {
  readonly #chromium: Browser;
  readonly #exchange: Exchange;
  readonly #open = new Map<string, Platform>();

  constructor(chromium: Browser, exchange: Exchange) {
    this.#chromium = chromium;
    this.#exchange = exchange;
  }

  async named(name: string): Promise<Platform> {
    const open = this.#open.get(name) ?? (await this.#start(name));
    this.#open.set(name, open);
    return open;
  }

  async close(): Promise<void> {
    for (const platform of this.#open.values()) await platform.close();
  }

  async #start(name: string): Promise<Platform> {
    switch (name) {
      case UNOPTIMISED:
        return new Native(trainers().unoptimised);
      case "Node":
        return NodeWasm.open();
      case "Chromium":
        return BrowserWasm.open(await chromiumTab(this.#chromium), this.#exchange);
      case "Firefox":
        return BrowserWasm.open(await Firefox.start(environment().firefox ?? ""), this.#exchange);
      default:
        return new Native(trainers().optimised, name.split(", ")[1]);
    }
  }
}

async function chromiumTab(browser: Browser): Promise<Tab> {
  const page = await browser.newPage();
  return {
    open: async (url) => void (await page.goto(url)),
    call: (declaration, argument) => page.evaluate<string>(`(${declaration})(${JSON.stringify(argument)})`),
    close: () => page.close(),
  };
}
