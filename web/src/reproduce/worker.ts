// The Web Worker that trains one trial from its beginning and compares the weights that come out with
// those that were verified. Talks to nobody but its page.

import init, { Session } from "../wasm/worker_wasm.js";
import { message } from "../api/problem";
import type { Order, Report } from "./message";
import { isSame } from "./same";

/** Short enough that the page sees it going on. */
const STEPS_AT_ONCE = 8;

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  train(data).catch((error: unknown) => report({ kind: "failed", reason: message(error) }));
});

async function train({ program, setting, seed, classes, training, validation, weights }: Order): Promise<void> {
  await init({ module_or_path: program });
  const scoredImages = imagesIn(validation);
  const session = new Session(setting, seed, training, validation, classes);
  let [seen, epoch] = [0, 0];
  for (;;) {
    const trained = session.train_in_epoch(STEPS_AT_ONCE);
    const correct = trained === 0 ? session.score() : undefined;
    if (trained === 0 && correct === undefined) break;
    seen += trained;
    epoch += correct === undefined ? 0 : 1;
    report({ kind: "progress", images: seen, epoch, score: correct === undefined ? undefined : correct / scoredImages });
  }
  const made = session.weights();
  report({ kind: "done", isSame: isSame(made, weights), bytes: made.length });
}

/** How many images a blob (safetensors) has: the length of its labels. */
function imagesIn(blob: Uint8Array): number {
  const length = Number(new DataView(blob.buffer, blob.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(blob.subarray(8, 8 + length))) as Record<string, { shape?: number[] }>;
  return header["labels"]?.shape?.[0] ?? 1;
}

function report(report: Report): void {
  postMessage(report);
}
