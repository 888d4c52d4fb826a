// Looks at a picture with a model, all in this page. Fetches only when a model is chosen: the module
// once, and that model's weights. Looking makes no request.

import * as api from "../api/client";
import { message } from "../api/problem";
import type { ModelView } from "../api/types";
import { compiledProgram } from "../page/program";
import init, { Classifier, digit_from_picture } from "../wasm/worker_wasm.js";

export class Recognition {
  /** The model that is ready. */
  model: ModelView | undefined = $state.raw();
  isLoading = $state(false);
  /** Why the model can't be used. */
  trouble: string | null = $state(null);
  /** What the model sees: one byte per pixel, white on black. */
  digit: Uint8Array | undefined = $state.raw();
  /** One for each class. */
  probabilities: Float32Array | undefined = $state.raw();

  #classifier: Classifier | undefined;
  #program: Promise<unknown> | undefined;
  #wanted: ModelView | undefined;

  async choose(model: ModelView): Promise<void> {
    this.#wanted = model;
    this.isLoading = true;
    this.trouble = null;
    try {
      this.#program ??= compiledProgram().then((program) => init({ module_or_path: program }));
      const [weights] = await Promise.all([api.blob(model.weights_sha256), this.#program]);
      if (model !== this.#wanted) return;
      this.#use(model, weights);
    } catch (error) {
      if (model !== this.#wanted) return;
      this.#program = undefined;
      this.trouble = message(error);
    }
    this.isLoading = false;
  }

  /** Looks at a picture. One without ink is nothing to look at. */
  look(picture: ImageData | undefined): void {
    this.digit = picture && digitIn(picture);
    this.#classify();
  }

  #use(model: ModelView, weights: Uint8Array): void {
    const { parameters, classes, height, width } = model;
    const classifier = new Classifier(JSON.stringify(parameters), classes, height, width, weights);
    this.#classifier?.free();
    this.#classifier = classifier;
    this.model = model;
    this.#classify();
  }

  #classify(): void {
    this.probabilities = this.digit && this.#classifier?.probabilities(this.digit);
  }
}

function digitIn({ data, width, height }: ImageData): Uint8Array | undefined {
  try {
    return digit_from_picture(new Uint8Array(data.buffer), width, height);
  } catch {
    return undefined;
  }
}
