// What the tests are told from outside: which browser, which server, which pages, which data. Names
// the missing variable instead of guessing.

import { existsSync } from "node:fs";
import { resolve } from "node:path";

export interface Environment {
  /** Chromium's program. */
  chromium: string;
  /** Firefox's program, where there is one. */
  firefox: string | undefined;
  /** The server's program. */
  server: string;
  /** Folder of the built pages. */
  pages: string;
  /** Folder of MNIST's four files, where there is one. */
  mnist: string | undefined;
  /** Folder of a MobileNet's weights, its labels and photos, where there is one. */
  imagenet: string | undefined;
}

const root = resolve(import.meta.dirname, "../..");

/** Paths of everything that is tested and tested with. */
export function environment(): Environment {
  return {
    chromium: existing("CHROMIUM_PATH", "/usr/bin/chromium"),
    firefox: optional("FIREFOX_PATH", "/usr/bin/firefox-esr"),
    server: existing("TABSWEEP_SERVER", resolve(root, "target/release/tabsweep")),
    pages: existing("TABSWEEP_PAGES", resolve(root, "web/dist")),
    mnist: process.env["TABSWEEP_MNIST_DIR"],
    imagenet: process.env["TABSWEEP_IMAGENET_DIR"],
  };
}

/** The program that fills a stopped server's database with made-up trials. */
export function madeUpTrials(): string {
  return existing("TABSWEEP_MADE_UP_TRIALS", resolve(root, "target/release/examples/many_trials"));
}

/** The trainer as a program of its own, in two builds. */
export interface Trainers {
  optimised: string;
  unoptimised: string;
}

/** Paths of the programs that only the tests of the numeric contract need. */
export function trainers(): Trainers {
  return {
    optimised: existing("TABSWEEP_TRAINER", resolve(root, "target/release/examples/numerics")),
    unoptimised: existing("TABSWEEP_UNOPTIMISED_TRAINER", resolve(root, "target/xtask/unoptimised-trainer")),
  };
}

/** Folder for what the tests leave behind for people to look at. */
export const results = resolve(import.meta.dirname, "../results");

/** The path in a variable, or the usual one if it is there. */
function optional(variable: string, usual: string): string | undefined {
  return process.env[variable] === undefined && !existsSync(usual) ? undefined : existing(variable, usual);
}

function existing(variable: string, usual: string): string {
  const path = process.env[variable] ?? usual;
  if (!existsSync(path)) {
    throw new Error(`${path} is missing; run the tests by \`cargo xtask test\`, or set ${variable}`);
  }
  return path;
}
