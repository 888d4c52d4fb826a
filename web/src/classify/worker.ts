// The Web Worker that looks at pictures, so that the page stays at hand: finds the digits and asks the
// models. One picture after the other; while one is being decoded, another question gets its turn.
// Makes no requests.

import init, { Classifier, Handwriting } from "../wasm/worker_wasm.js";
import { message } from "../api/problem";
import type { Model } from "./model";
import { pictureFrom, pixelsOf } from "./picture";
import { parted, type Area, type SeenDigit, type Sight } from "./sight";
import type { Answer, Asked, LoadedModel, Question } from "./worker-message";

/** By their weights, in the order they are asked. */
let classifiers = new Map<string, Classifier>();

addEventListener("message", ({ data }: MessageEvent<Asked>) => void answer(data));

async function answer({ number, question }: Asked): Promise<void> {
  try {
    say({ number, ...(await done(question)) });
  } catch (error) {
    say({ number, kind: "failed", reason: message(error) });
  }
}

function say(answer: Answer): void {
  postMessage(answer);
}

async function done(question: Question): Promise<{ kind: "done" } | { kind: "seen"; sight: Sight | undefined }> {
  switch (question.kind) {
    case "start":
      await init({ module_or_path: question.program });
      return { kind: "done" };
    case "use":
      use(question.models);
      return { kind: "done" };
    case "look":
      return { kind: "seen", sight: look(await pixels(question.picture)) };
  }
}

function use(models: readonly LoadedModel[]): void {
  const next = new Map<string, Classifier>();
  for (const { model, weights } of models) {
    const classifier = classifiers.get(model.weights_sha256) ?? (weights && loaded(model, weights));
    if (classifier) next.set(model.weights_sha256, classifier);
  }
  for (const [sha256, classifier] of classifiers) if (!next.has(sha256)) classifier.free();
  classifiers = next;
}

function loaded({ parameters, classes, height, width }: Model, weights: Uint8Array): Classifier {
  return new Classifier(JSON.stringify(parameters), classes, height, width, weights);
}

async function pixels(picture: Blob | ImageData): Promise<ImageData> {
  return picture instanceof Blob ? pixelsOf(await pictureFrom(picture)) : picture;
}

function look({ data, width, height }: ImageData): Sight | undefined {
  const handwriting = found(new Uint8Array(data.buffer), width, height);
  if (!handwriting) return undefined;
  try {
    return { width, height, evened: handwriting.evened(), ink: handwriting.ink(), digits: digits(handwriting) };
  } finally {
    handwriting.free();
  }
}

/** A picture without ink is nothing to look at. */
function found(rgba: Uint8Array, width: number, height: number): Handwriting | undefined {
  try {
    return new Handwriting(rgba, width, height);
  } catch {
    return undefined;
  }
}

function digits(handwriting: Handwriting): SeenDigit[] {
  const areas = handwriting.areas();
  const count = areas.length / 4;
  const all = handwriting.pixels();
  const [fitted, pixels] = [parted(handwriting.fitted(), count), parted(all, count)];
  const opinions = [...classifiers].map(([sha256, classifier]) => [sha256, parted(classifier.probabilities(all), count)] as const);
  return parted(areas, count).map((sides, i) => ({
    area: area(sides),
    fitted: fitted[i] ?? new Uint8Array(),
    pixels: pixels[i] ?? new Uint8Array(),
    opinions: new Map(opinions.map(([sha256, of]) => [sha256, of[i] ?? new Float32Array()])),
  }));
}

function area([left = 0, top = 0, right = 0, bottom = 0]: Uint32Array): Area {
  return { left, top, right, bottom };
}
