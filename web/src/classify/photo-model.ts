// A pretrained model for photos, at work in this page. Fetches only when it is loaded: the module once,
// and the model's files. Looking makes no request.

import * as api from "../api/client";
import type { BundleView } from "../api/types";
import { compiledProgram } from "../page/program";
import init, { PhotoClassifier } from "../wasm/worker_wasm.js";
import { TOP, type PhotoLabel } from "./photo";

/** A pretrained model that is ready. */
export class PhotoModel {
  readonly bundle: BundleView;
  readonly #classifier: PhotoClassifier;

  private constructor(bundle: BundleView, classifier: PhotoClassifier) {
    this.bundle = bundle;
    this.#classifier = classifier;
  }

  /** Fetches what the model needs. */
  static async load(bundle: BundleView): Promise<PhotoModel> {
    const files = [bundle.description_sha256, bundle.labels_sha256, bundle.weights_sha256].map(api.blob);
    const program = compiledProgram().then((program) => init({ module_or_path: program }));
    const [[description, labels, weights]] = await Promise.all([Promise.all(files), program]);
    if (!description || !labels || !weights) throw new Error("The model did not arrive whole.");
    return new PhotoModel(bundle, new PhotoClassifier(description, labels, weights));
  }

  /** The likeliest labels for an encoded picture, likeliest first. Throws where it can't be read. */
  labels(encoded: Uint8Array): PhotoLabel[] {
    return this.#classifier.labels(encoded, TOP).map((found) => {
      const { label, score } = found;
      found.free();
      return { label, score };
    });
  }

  free(): void {
    this.#classifier.free();
  }
}
