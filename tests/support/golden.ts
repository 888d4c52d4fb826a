// The trainings whose bits are pinned, and their images as files. The trainer's own tests read and
// renew the same golden.json.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { drawDigits, type Digits } from "./dataset";
import type { Leg } from "./platform";
import { blobs } from "./session";

export type Setting = Readonly<Record<string, unknown>>;

export interface Golden {
  digits: Required<Digits>;
  /** Of all trainings. */
  seed: string;
  /** Of each of the settings. */
  steps: number;
  settings: { name: string; setting: Setting; checkpoint_sha256: string }[];
  diverging: { name: string; setting: Setting; ending: string }[];
}

export const golden = JSON.parse(readFileSync(resolve(import.meta.dirname, "../golden.json"), "utf8")) as Golden;

/** What all legs of all trainings have in common. */
export type Images = Pick<Leg, "seed" | "training" | "validation" | "classes">;

/** Draws the images into a folder. */
export function drawImages(folder: string): Images {
  const { training, validation } = blobs(drawDigits(folder, golden.digits));
  const images = { training: join(folder, "training"), validation: join(folder, "validation") };
  writeFileSync(images.training, training);
  writeFileSync(images.validation, validation);
  return { ...images, seed: golden.seed, classes: 10 };
}

export function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
