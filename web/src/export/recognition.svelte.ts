// Looks at pictures with the model in this page.

import { message } from "../api/problem";
import init, { Classifier, digit_from_picture } from "../wasm/worker_wasm.js";
import { bytes, enclosedProgram, type EnclosedModel } from "./enclosed";

/** Rows and columns of the digits that a picture becomes. */
const SIDE = 28;

export class Recognition {
  /** Why nothing is classified. */
  trouble: string | null = $state(null);
  /** What the model sees: one byte per pixel, white on black. */
  digit: Uint8Array | undefined = $state.raw();
  /** One for each class. */
  probabilities: Float32Array | undefined = $state.raw();

  #classifier: Classifier | undefined;

  async load(model: EnclosedModel): Promise<void> {
    const { setting, classes, height, width, weights } = model;
    if (height !== SIDE || width !== SIDE) {
      this.trouble = `This model looks at images of ${height} × ${width} pixels, which can't be drawn here.`;
      return;
    }
    try {
      await init({ module_or_path: await enclosedProgram() });
      this.#classifier = new Classifier(JSON.stringify(setting), classes, height, width, bytes(weights));
      this.#classify();
    } catch (error) {
      this.trouble = message(error);
    }
  }

  /** Looks at a picture. One without ink is nothing to look at. */
  look(picture: ImageData | undefined): void {
    this.digit = picture && this.#classifier && digitIn(picture);
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
