// A page whose complaints are collected: errors, messages of its content security policy, requests
// to other hosts.

import type { BrowserContext, Page } from "@playwright/test";

export class WatchedPage {
  readonly page: Page;
  /** What went wrong, in words. */
  readonly complaints: string[] = [];

  readonly #context: BrowserContext;
  #isServerAway = false;
  #expected: RegExp | undefined;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
  }

  static async open(context: BrowserContext, origin: string): Promise<WatchedPage> {
    const watched = new WatchedPage(context, await context.newPage());
    watched.#watch(origin);
    return watched;
  }

  /** Errors of connections are no complaints while the server is away on purpose. */
  async whileServerIsAway(work: () => Promise<void>): Promise<void> {
    this.#isServerAway = true;
    await work();
    this.#isServerAway = false;
  }

  /** Messages that match are what the test provokes. */
  expectComplaint(pattern: RegExp): void {
    this.#expected = pattern;
  }

  /** Closes the tab and forgets its volunteer. */
  async close(): Promise<void> {
    await this.#context.close();
  }

  #watch(origin: string): void {
    const host = new URL(origin).host;
    this.page.on("console", (message) => {
      const text = message.text();
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (this.#isServerAway && /ERR_CONNECTION|WebSocket connection|Failed to load resource/.test(text)) return;
      if (this.#expected?.test(text)) return;
      this.complaints.push(`${message.type()}: ${text}`);
    });
    this.page.on("pageerror", (error) => this.complaints.push(`uncaught: ${error.message}`));
    this.page.on("request", (request) => {
      const url = new URL(request.url());
      const isOwn = url.host === host || ["blob:", "data:"].includes(url.protocol);
      if (!isOwn) this.complaints.push(`request to another host: ${url.href}`);
    });
  }
}
