// The Web Worker that trains one described trial from its beginning to its end, without the server's
// knowledge: it fetches data, and sends nothing. The page ends it when nobody wants the result any more.

import init, { numerics, Session, sha256 } from "../wasm/worker_wasm.js";
import { blob } from "../api/client";
import { message } from "../api/problem";
import type { Reproduction } from "../api/types";

export interface ReproduceMessage {
  program: WebAssembly.Module;
  recipe: Reproduction;
  /** Share of the time that is worked, in percent. */
  power: number;
}

/** How far a training is, and how it ends. */
export type ReproduceEvent =
  | { event: "progress"; step: number; steps: number; stepsPerEpoch: number; imagesPerSec: number }
  | { event: "scored"; score: number }
  | { event: "ended"; weightsSha256: string }
  | { event: "failed"; reason: string };

/** When a stretch of steps gives others their turn. */
const SLICE_MILLIS = 50;

addEventListener("message", ({ data }: MessageEvent<ReproduceMessage>) => {
  train(data).catch((error: unknown) => report({ event: "failed", reason: message(error) }));
});

async function train({ program, recipe, power }: ReproduceMessage): Promise<void> {
  await init({ module_or_path: program });
  if (numerics() !== recipe.numerics) {
    throw new Error(`It was trained under version ${recipe.numerics} of the arithmetic, and this page computes by version ${numerics()}.`);
  }
  const session = await begin(recipe);
  const place = { steps: session.total_steps(), stepsPerEpoch: session.steps_per_epoch() };
  for (;;) {
    const began = performance.now();
    const images = slice(session, began);
    if (images === 0 && !score(session)) break;
    const millis = performance.now() - began;
    if (images > 0) report({ event: "progress", step: session.step(), ...place, imagesPerSec: (images / millis) * 1000 * (power / 100) });
    await rest(millis * (100 / power - 1));
  }
  report({ event: "ended", weightsSha256: sha256(session.weights()) });
}

async function begin({ parameters, seed, data }: Reproduction): Promise<Session> {
  const [training, validation] = await Promise.all([checked(data.training.sha256), checked(data.validation.sha256)]);
  return new Session(JSON.stringify(parameters), seed, training, validation, data.classes);
}

async function checked(name: string): Promise<Uint8Array> {
  const bytes = await blob(name);
  if (sha256(bytes) !== name) throw new Error("The data did not arrive whole.");
  return bytes;
}

/** Trains for a slice, at most to the epoch's end; the images trained on. */
function slice(session: Session, began: number): number {
  let images = 0;
  while (performance.now() < began + SLICE_MILLIS) {
    const done = session.train_in_epoch(1);
    if (done === 0) break;
    images += done;
  }
  return images;
}

/** Scores the epoch that has just ended; whether one had. */
function score(session: Session): boolean {
  const correct = session.score();
  if (correct === undefined) return false;
  report({ event: "scored", score: correct / session.validation_count() });
  return true;
}

function rest(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

function report(event: ReproduceEvent): void {
  postMessage(event);
}
