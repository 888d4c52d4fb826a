// Looks at a picture with one model or several, all in this tab. Fetches only when models are chosen:
// the program once, and their weights. Looking makes no request.

import * as api from "../api/client";
import { message } from "../api/problem";
import { compiledProgram } from "../page/program";
import type { Model } from "./model";
import { Reader } from "./reader";
import { weightsOf } from "./shelf";
import { readBy, type Sight } from "./sight";
import type { LoadedModel } from "./worker-message";

export class Recognition {
  /** The models that are ready, the chosen one first. */
  models: readonly Model[] = $state.raw([]);
  /** Why a model can't be used. */
  trouble: string | null = $state(null);
  /** What is seen in the picture; nothing without ink in it. */
  sight: Sight | undefined = $state.raw();
  /** The digits as they are read, such as "42"; nothing before there is a model. */
  readonly text: string | undefined = $derived(this.models[0] && this.sight && readBy(this.models[0].weights_sha256, this.sight));

  readonly #spawn: () => Worker;
  #reader: Promise<Reader> | undefined;
  #wanted: readonly Model[] = [];
  #picture: ImageData | undefined;
  #isLooking = false;
  #isDue = false;

  constructor(spawn: () => Worker) {
    this.#spawn = spawn;
  }

  /** Has these models asked; the first one is ready before the others are fetched. */
  async choose(models: readonly Model[]): Promise<void> {
    this.#wanted = models;
    this.trouble = null;
    try {
      const reader = await this.reader();
      const ready: LoadedModel[] = [];
      for (const model of models) {
        ready.push({ model, weights: reader.knows(model.weights_sha256) ? undefined : await weightsOf(model.weights_sha256, api.blob) });
        if (models !== this.#wanted) return;
        await this.#use(reader, ready);
      }
    } catch (error) {
      if (models === this.#wanted) this.trouble = message(error);
    }
  }

  /** The worker, once its program has started; after a failure, another try. */
  reader(): Promise<Reader> {
    this.#reader ??= this.#started().catch((error: unknown) => {
      this.#reader = undefined;
      throw error;
    });
    return this.#reader;
  }

  /** Looks at a picture. Of several that come while one is being looked at, only the last is. */
  look(picture: ImageData | undefined): void {
    this.#picture = picture;
    this.#isDue = true;
    if (!this.#isLooking) void this.#lookAtLast();
  }

  async #started(): Promise<Reader> {
    const program = await compiledProgram();
    const reader = new Reader(this.#spawn());
    await reader.start(program);
    return reader;
  }

  async #use(reader: Reader, ready: readonly LoadedModel[]): Promise<void> {
    await reader.use(ready);
    this.models = ready.map(({ model }) => model);
    this.look(this.#picture);
  }

  async #lookAtLast(): Promise<void> {
    this.#isLooking = true;
    while (this.#isDue) {
      this.#isDue = false;
      try {
        this.sight = await this.#seen();
      } catch (error) {
        this.trouble = message(error);
      }
    }
    this.#isLooking = false;
  }

  async #seen(): Promise<Sight | undefined> {
    const picture = this.#picture;
    if (!picture || this.models.length === 0) return undefined;
    const reader = await this.reader();
    // A copy goes to the worker: the same picture is shown to other models later.
    return reader.look(new ImageData(new Uint8ClampedArray(picture.data), picture.width, picture.height));
  }
}
