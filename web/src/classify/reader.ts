// The page's side of the Web Worker that looks at pictures.

import type { Sight } from "./sight";
import type { Answer, Asked, LoadedModel, Question } from "./worker-message";

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export class Reader {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** Weights that the worker has. */
  #known = new Set<string>();
  #last = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#hear(data);
    worker.onerror = (event) => this.#fail(event.message || "The part of this page that looks at pictures could not be loaded.");
  }

  /** Starts the program. */
  async start(program: WebAssembly.Module): Promise<void> {
    await this.#ask({ kind: "start", program });
  }

  /** Has these models asked from now on. Weights are sent only where the worker lacks them. */
  async use(models: readonly LoadedModel[]): Promise<void> {
    const sent = models.map(({ model, weights }) => ({ model, weights: this.knows(model.weights_sha256) ? undefined : weights }));
    const before = this.#known;
    this.#known = new Set(models.map(({ model }) => model.weights_sha256));
    try {
      await this.#ask({ kind: "use", models: sent });
    } catch (error) {
      // The worker has stayed with what it had.
      this.#known = before;
      throw error;
    }
  }

  /** Whether a model is being asked, so that its weights need not be brought again. */
  knows(sha256: string): boolean {
    return this.#known.has(sha256);
  }

  /** Looks at a picture; nothing where there is no ink in it. Pixels are given away. */
  async look(picture: Blob | ImageData): Promise<Sight | undefined> {
    const given = picture instanceof Blob ? [] : [picture.data.buffer];
    const answer = await this.#ask({ kind: "look", picture }, given);
    return answer.kind === "seen" ? answer.sight : undefined;
  }

  #ask(question: Question, given: Transferable[] = []): Promise<Answer> {
    this.#last += 1;
    const number = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, question } satisfies Asked, given);
    });
  }

  #hear(answer: Answer): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if (answer.kind === "failed") waiting?.reject(new Error(answer.reason));
    else waiting?.resolve(answer);
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}
