// What the tests are told from outside: which browser, which server, which pages, which data. Names
// the missing variable instead of guessing.

import { existsSync } from "node:fs";
import { resolve } from "node:path";

export interface Environment {
  /** Chromium's program. */
  chromium: string;
  /** The server's program. */
  server: string;
  /** Folder of the built pages. */
  pages: string;
  /** Folder of MNIST's four files, where there is one. */
  mnist: string | undefined;
}

const root = resolve(import.meta.dirname, "../..");

/** Paths of everything that is tested and tested with. */
export function environment(): Environment {
  return {
    chromium: existing("CHROMIUM_PATH", "/usr/bin/chromium"),
    server: existing("TABSWEEP_SERVER", resolve(root, "target/release/tabsweep")),
    pages: existing("TABSWEEP_PAGES", resolve(root, "web/dist")),
    mnist: process.env["TABSWEEP_MNIST_DIR"],
  };
}

/** Folder for what the tests leave behind for people to look at. */
export const results = resolve(import.meta.dirname, "../results");

function existing(variable: string, usual: string): string {
  const path = process.env[variable] ?? usual;
  if (!existsSync(path)) {
    throw new Error(`${path} is missing; run the tests by \`cargo xtask test\`, or set ${variable}`);
  }
  return path;
}
