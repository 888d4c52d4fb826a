// How the whole system is tested: one test at a time, because tabs train on all the cores there are,
// and in the Chromium that CHROMIUM_PATH names. No browser is downloaded.

import { defineConfig } from "@playwright/test";

import { environment } from "./support/environment";

export default defineConfig({
  testDir: ".",
  testMatch: "*.test.ts",
  outputDir: "results/failures",
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  reporter: [["list"]],
  timeout: 180_000,
  expect: { timeout: 30_000 },
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: environment().chromium,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
    actionTimeout: 30_000,
    screenshot: "only-on-failure",
  },
});
