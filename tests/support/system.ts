// What each test begins with: a data set, servers that end with the test, and volunteers, each with a
// browser profile of its own. At the end every server must stop in an orderly way, and no page may
// have complained.

import { test as base, expect, type Browser, type BrowserContext, type BrowserContextOptions } from "@playwright/test";

import { drawDigits } from "./dataset";
import { removeFolder, temporaryFolder } from "./folder";
import { LendingTab } from "./lending";
import { Server, type ServerOptions } from "./server";
import { Stranger } from "./stranger";
import { WatchedPage } from "./watched-page";

interface TestFixtures {
  /** Starts a server. */
  serve: (options: ServerOptions) => Promise<Server>;
  /** Opens a tab with a profile of its own, which makes it another volunteer. */
  openPage: (server: Server, options?: BrowserContextOptions) => Promise<WatchedPage>;
  /** The same, on the page where tabs are lent. */
  openLending: (server: Server, nickname: string) => Promise<LendingTab>;
  /** Somebody who speaks the protocol without the worker's program. */
  openStranger: (server: Server, nickname: string) => Promise<Stranger>;
}

interface WorkerFixtures {
  /** Path of a folder with 2,500 training and 500 test images. */
  digits: string;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  digits: [
    async ({}, use) => {
      const folder = temporaryFolder();
      await use(drawDigits(folder, { train: 2_500, test: 500 }));
      removeFolder(folder);
    },
    { scope: "worker" },
  ],

  serve: async ({}, use, testInfo) => {
    const servers: Server[] = [];
    await use(async (options) => {
      const server = await Server.start(options);
      servers.push(server);
      return server;
    });
    for (const server of servers) {
      const code = server.isRunning ? await server.stop() : 0;
      if (testInfo.status !== testInfo.expectedStatus) console.log(server.log);
      await server.remove();
      expect.soft(code, "exit code of the server after Ctrl-C").toBe(0);
    }
  },

  // Depends on `serve` so that pages close first, as they do when people leave.
  openPage: async ({ browser, serve: _serve }, use) => {
    const pages: WatchedPage[] = [];
    await use(async (server, options) => {
      const page = await watchedPage(browser, server, options);
      pages.push(page);
      return page;
    });
    for (const page of pages) {
      expect.soft(page.complaints, "errors, policy violations and requests to other hosts").toEqual([]);
      await page.close();
    }
  },

  openLending: async ({ openPage }, use) => {
    await use(async (server, nickname) => LendingTab.open(await openPage(server), nickname));
  },

  // Not watched: a stranger's requests are meant to be refused, and the browser complains of that.
  openStranger: async ({ browser, serve: _serve }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (server, nickname) => {
      const context = await browser.newContext({ baseURL: server.url });
      contexts.push(context);
      return Stranger.open(await context.newPage(), server, nickname);
    });
    for (const context of contexts) await context.close();
  },
});

export { expect };

async function watchedPage(browser: Browser, server: Server, options?: BrowserContextOptions): Promise<WatchedPage> {
  const context = await browser.newContext({ ...options, baseURL: server.url });
  return WatchedPage.open(context, server.url);
}
