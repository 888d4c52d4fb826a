// Looks at pictures with the model in this page.

import { message } from "../api/problem";
import { likeliest } from "../classify/model";
import { DIGIT_SIDE, parted } from "../classify/sight";
import init, { Classifier, Handwriting } from "../wasm/worker_wasm.js";
import { bytes, enclosedProgram, type EnclosedModel } from "./enclosed";

/** A digit found in a picture. */
export interface Digit {
  /** What the model sees: one byte per pixel, white on black. */
  pixels: Uint8Array;
  /** One for each class. */
  probabilities: Float32Array;
}

export class Recognition {
  /** Why nothing is classified. */
  trouble: string | null = $state(null);
  /** In reading order. */
  digits: readonly Digit[] = $state.raw([]);
  /** The digits as they are read, such as "42". */
  readonly text = $derived(this.digits.map(({ probabilities }) => likeliest(probabilities) ?? "?").join(""));

  #classifier: Classifier | undefined;
  #picture: ImageData | undefined;

  async load({ setting, classes, height, width, weights }: EnclosedModel): Promise<void> {
    if (height !== DIGIT_SIDE || width !== DIGIT_SIDE) {
      this.trouble = `This model looks at images of ${height} × ${width} pixels, which can't be drawn here.`;
      return;
    }
    try {
      await init({ module_or_path: await enclosedProgram() });
      this.#classifier = new Classifier(JSON.stringify(setting), classes, height, width, bytes(weights));
    } catch (error) {
      this.trouble = message(error);
    }
    // Whoever was quick has drawn already.
    this.look(this.#picture);
  }

  /** Looks at a picture. One without ink is nothing to look at. */
  look(picture: ImageData | undefined): void {
    this.#picture = picture;
    this.digits = picture && this.#classifier ? digitsIn(picture, this.#classifier) : [];
  }
}

function digitsIn({ data, width, height }: ImageData, classifier: Classifier): Digit[] {
  const handwriting = found(new Uint8Array(data.buffer), width, height);
  const all = handwriting?.pixels() ?? new Uint8Array();
  handwriting?.free();
  const count = all.length / DIGIT_SIDE ** 2;
  const probabilities = parted(classifier.probabilities(all), count);
  return parted(all, count).map((pixels, i) => ({ pixels, probabilities: probabilities[i] ?? new Float32Array() }));
}

function found(rgba: Uint8Array, width: number, height: number): Handwriting | undefined {
  try {
    return new Handwriting(rgba, width, height);
  } catch {
    return undefined;
  }
}
