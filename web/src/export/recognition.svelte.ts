// Looks at pictures with the model in this page.

import { message } from "../api/problem";
import { look } from "../classify/looking";
import { DIGIT_SIDE, readBy, type Sight } from "../classify/sight";
import init, { Classifier } from "../wasm/worker_wasm.js";
import { bytes, enclosedProgram, type EnclosedModel } from "./enclosed";

/** The name under which the only model is asked. */
export const MODEL = "enclosed";

export class Recognition {
  /** Why nothing is classified. */
  trouble: string | null = $state(null);
  /** What is seen in the picture; nothing without ink in it. */
  sight: Sight | undefined = $state.raw();
  /** The digits as they are read, such as "42". */
  readonly text: string | undefined = $derived(this.sight && readBy(MODEL, this.sight));

  #classifier: Classifier | undefined;

  async load(model: EnclosedModel): Promise<void> {
    const { setting, classes, height, width, weights } = model;
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
  }

  /** Looks at a picture. One without ink is nothing to look at. */
  look(picture: ImageData | undefined): void {
    this.sight = picture && this.#classifier && look(picture, new Map([[MODEL, this.#classifier]]));
  }
}
