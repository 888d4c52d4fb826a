// A MobileNet with photos and the labels that they should get, where the tests are told of them.

import { copyFileSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { environment } from "./environment";
import { removeFolder, temporaryFolder } from "./folder";
import type { Server } from "./server";

const DESCRIPTION = resolve(import.meta.dirname, "../../server/bundles/mobilenet_v1_0.75_192/model.toml");

/** Why tests that need photos are left out. */
export const NO_PHOTOS = "TABSWEEP_IMAGENET_DIR is not set";

/** How far a score may be off: other decoders see slightly other pixels. */
export const TOLERANCE = 0.03;

/** A photo, and its likeliest labels with their scores, best first. */
export type Expected = [photo: string, labels: [label: string, score: number][]];

/** Whether there are photos; says so loudly where there are none. */
export function hasPhotos(): boolean {
  const isThere = environment().imagenet !== undefined;
  if (!isThere) console.warn(`SKIPPED: ${NO_PHOTOS}, so no photos are labelled`);
  return isThere;
}

export function expectedLabels(): Expected[] {
  const text = readFileSync(join(folder(), "expected_top5.json"), "utf8");
  return Object.entries(JSON.parse(text) as Record<string, Expected[1]>);
}

/** Path of a photo. */
export function photoFile(photo: string): string {
  return join(folder(), "photos", photo);
}

/** Adds the network to a server, put together as an operator does it; its name. */
export async function addMobileNet(server: Server): Promise<string> {
  const bundle = temporaryFolder();
  copyFileSync(DESCRIPTION, join(bundle, "model.toml"));
  copyFileSync(join(folder(), "labels.txt"), join(bundle, "labels.txt"));
  copyFileSync(join(folder(), "mobilenet_v1_0.75_192.safetensors"), join(bundle, "weights.safetensors"));
  await server.model("add", bundle);
  removeFolder(bundle);
  return /^name = "(.*)"$/m.exec(readFileSync(DESCRIPTION, "utf8"))?.[1] ?? "";
}

function folder(): string {
  const { imagenet } = environment();
  if (imagenet === undefined) throw new Error(NO_PHOTOS);
  return imagenet;
}
