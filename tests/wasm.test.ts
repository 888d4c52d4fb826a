// Training in wasm is the same to the bit as training natively, uninterrupted or resumed. The hashes
// in golden.json are those that the trainer's own tests compute natively.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, test } from "@playwright/test";

import { drawDigits } from "./support/dataset";
import { removeFolder, temporaryFolder } from "./support/folder";
import { blobs, sessions } from "./support/session";

interface Golden {
  digits: { train: number; test: number; seed: number };
  seed: string;
  settings: { name: string; setting: Record<string, unknown>; checkpoint_sha256: string }[];
}

const golden = JSON.parse(readFileSync(resolve(import.meta.dirname, "golden.json"), "utf8")) as Golden;
const CLASSES = 10;

for (const { name, setting, checkpoint_sha256 } of golden.settings) {
  test(`wasm ends a training (${name}) in the same bytes as native code, interrupted or not`, async () => {
    const Session = await sessions();
    const folder = temporaryFolder();
    const { training, validation } = blobs(drawDigits(folder, golden.digits));
    removeFolder(folder);
    const begin = (checkpoint?: Uint8Array) =>
      new Session(JSON.stringify(setting), golden.seed, training, validation, CLASSES, checkpoint);

    const whole = begin();
    whole.train(1_000_000);
    expect(sha256(whole.checkpoint())).toBe(checkpoint_sha256);

    const first = begin();
    first.train(10);
    const second = begin(first.checkpoint());
    expect(second.train(0)).toBe(10);
    second.train(1_000_000);
    expect(sha256(second.checkpoint())).toBe(checkpoint_sha256);
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
