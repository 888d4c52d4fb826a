// The product's photo classifier under measurement.

import { within } from "./measurement.js";
import { dataFile, photos, type Photos } from "./photos.js";
import type { Label, Measurement } from "./request.js";

/** Labels that are found for a file, as on the classify page. */
const TOP = 5;

interface PhotoLabel {
  free(): void;
}

interface PhotoClassifier {
  labels(encoded: Uint8Array, top: number): PhotoLabel[];
  scores(input: Uint8Array): Float32Array;
}

/** What the module exports of photos. */
export interface PhotoModule {
  PhotoClassifier: new (description: Uint8Array, labels: Uint8Array, weights: Uint8Array) => PhotoClassifier;
}

export class PhotoLabels {
  #loaded: Promise<[PhotoClassifier, Photos]> | undefined;

  constructor(private readonly module: PhotoModule) {}

  /** Labels all photos again and again for so long. */
  async measure({ from, seconds }: Label): Promise<Measurement> {
    const [classifier, { inputs, encoded }] = await (this.#loaded ??= this.#load());
    return within(seconds, () => {
      if (from === "input") for (const input of inputs) classifier.scores(input);
      else for (const file of encoded) for (const label of classifier.labels(file, TOP)) label.free();
      return inputs.length;
    });
  }

  async #load(): Promise<[PhotoClassifier, Photos]> {
    const files = ["model.toml", "labels.txt", "mobilenet.safetensors"].map(dataFile);
    const [description, labels, weights] = (await Promise.all(files)) as [Uint8Array, Uint8Array, Uint8Array];
    return [new this.module.PhotoClassifier(description, labels, weights), await photos()];
  }
}
