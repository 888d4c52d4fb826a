// The numeric contract: whoever trains, however often interrupted, the bits are the same. The hashes
// in golden.json are those that the trainer's own tests compute natively.

import { join } from "node:path";

import { expect, test as base } from "@playwright/test";

import { Exchange } from "./support/exchange";
import { removeFolder, temporaryFolder } from "./support/folder";
import { drawImages, golden, sha256, type Images, type Setting } from "./support/golden";
import type { Ending, Leg } from "./support/platform";
import { missing, NAMES, Platforms } from "./support/platforms";
import { described, drawRelay } from "./support/relay";

/** Where trainings run, and the files that they exchange. */
interface Track {
  platforms: Platforms;
  /** Trains a setting, from a checkpoint or the beginning, to a step; how it ended, and where its checkpoint is. */
  run(platform: string, setting: Setting, until: number, checkpoint?: string): Promise<{ ending: Ending; result: string }>;
}

const test = base.extend<object, { track: Track }>({
  track: [
    async ({ browser }, use) => {
      const folder = temporaryFolder();
      const exchange = await Exchange.open(folder);
      const platforms = new Platforms(browser, exchange);
      await use({ platforms, run: runner(platforms, folder, drawImages(folder)) });
      await platforms.close();
      await exchange.close();
      removeFolder(folder);
    },
    { scope: "worker" },
  ],
});

function runner(platforms: Platforms, folder: string, images: Images): Track["run"] {
  let legs = 0;
  return async (name, setting, until, checkpoint) => {
    legs += 1;
    const result = join(folder, `checkpoint-${legs}`);
    const leg: Leg = { ...images, setting, until, result, ...(checkpoint !== undefined && { checkpoint }) };
    return { ending: await (await platforms.named(name)).run(leg), result };
  };
}

/** This file is read once to list the tests and once to run them: what is missing is said once. */
const isRunning = process.env["TEST_WORKER_INDEX"] !== undefined;

for (const name of NAMES) {
  const reason = missing(name);
  if (reason !== undefined && isRunning) console.log(`\nNOT TESTED: TRAINING ON ${name.toUpperCase()}: ${reason}\n`);

  test.describe(name, () => {
    test.skip(reason !== undefined, reason);

    for (const { name: of, setting, checkpoint_sha256 } of golden.settings) {
      test(`${golden.steps} steps end in the golden bytes: ${of}`, async ({ track }) => {
        const { ending, result } = await track.run(name, setting, golden.steps);
        expect(ending).toEqual({ step: golden.steps });
        expect(sha256(result)).toBe(checkpoint_sha256);
      });
    }

    for (const { name: of, setting, ending: diverged } of golden.diverging) {
      test(`a divergence ends it at the golden step: ${of}`, async ({ track }) => {
        expect((await track.run(name, setting, golden.steps)).ending).toEqual({ diverged });
      });
    }
  });
}

const present = NAMES.filter((name) => missing(name) === undefined);
/** The first step, the last but one, and the end of an epoch of either setting. */
const ALWAYS = [1, 120, golden.steps - 1];

for (const [at, { name: of, setting, checkpoint_sha256 }] of golden.settings.slice(0, 2).entries()) {
  for (const round of [1, 2, 3]) {
    const relay = drawRelay(10 * at + round, present, golden.steps, ALWAYS);

    test(`interrupted and resumed elsewhere, the bytes are the same: ${of}: ${described(relay)}`, async ({ track }) => {
      let checkpoint: string | undefined;
      for (const { platform, until } of relay) {
        const { ending, result } = await track.run(platform, setting, until, checkpoint);
        expect(ending, platform).toEqual({ step: until });
        checkpoint = result;
      }
      expect(sha256(checkpoint ?? "")).toBe(checkpoint_sha256);
    });
  }
}
