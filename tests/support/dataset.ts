// A small set of synthetic digits in a folder, drawn by the server's own program.

import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { environment } from "./environment";

export interface Digits {
  /** Training images; a part of them becomes validation images. */
  train: number;
  test: number;
  seed?: number;
}

/** Draws digits into `folder`; the path of the data set. */
export function drawDigits(folder: string, { train, test, seed = 0 }: Digits): string {
  const out = join(folder, `digits-${train}`);
  const counts = ["--train", String(train), "--test", String(test), "--seed", String(seed)];
  execFileSync(environment().server, ["data", "draw", "--out", out, ...counts]);
  return out;
}
