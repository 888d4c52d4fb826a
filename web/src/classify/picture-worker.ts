// The Web Worker that looks at pictures, so that the page stays at hand: finds the digits and asks the
// models. One picture after the other; while one is being decoded, another question gets its turn.
// Makes no requests.

import init, { Classifier } from "../wasm/worker_wasm.js";
import { message } from "../api/problem";
import { look } from "./looking";
import type { Model } from "./model";
import { pictureFrom, pixelsOf } from "./picture";
import type { Sight } from "./sight";
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
      return { kind: "seen", sight: look(await pixels(question.picture), classifiers) };
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
