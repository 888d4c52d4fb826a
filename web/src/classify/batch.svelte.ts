// Many pictures, one after the other: how far it is, what was found, and which could not be read. A bad
// picture stops nothing.

import { message } from "../api/problem";
import { likeliest, type Model } from "./model";
import type { Reader } from "./reader";
import type { Row } from "./sheet";
import type { SeenDigit } from "./sight";

/** A picture file with the name that it is listed under. */
export interface NamedPicture {
  name: string;
  file: Blob;
}

/** A picture without a result. */
export interface Failure {
  picture: string;
  reason: string;
}

/** How many pictures are on their way at the same time: one is decoded while another is looked at. */
const AT_ONCE = 2;

/** After how many pictures the sheet is drawn anew. */
const SHOWN_EVERY = 25;

export class Batch {
  total = $state(0);
  done = $state(0);
  isRunning = $state(false);
  rows: readonly Row[] = $state.raw([]);
  failures: readonly Failure[] = $state.raw([]);
  /** The model whose classes the rows show. */
  model: Model | undefined = $state.raw();

  #run = 0;
  #rows: Row[] = [];
  #failures: Failure[] = [];

  /** Looks at all the pictures; what was there before is dropped. The first model decides. */
  async start(pictures: readonly NamedPicture[], reader: Pick<Reader, "look">, models: readonly Model[]): Promise<void> {
    this.#run += 1;
    const run = this.#run;
    [this.total, this.done, this.isRunning] = [pictures.length, 0, true];
    [this.#rows, this.#failures, this.model] = [[], [], models[0]];
    this.#show();
    const waiting = pictures.values();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work(run, waiting, reader)));
    if (run !== this.#run) return;
    this.isRunning = false;
    this.#show();
  }

  /** Leaves it at what has been found. */
  stop(): void {
    this.#run += 1;
    this.isRunning = false;
    this.#show();
  }

  async #work(run: number, waiting: Iterator<NamedPicture>, reader: Pick<Reader, "look">): Promise<void> {
    for (let next = waiting.next(); !next.done && run === this.#run; next = waiting.next()) {
      const found = await this.#looked(next.value, reader);
      if (run !== this.#run) return;
      if (Array.isArray(found)) this.#rows.push(...found);
      else this.#failures.push(found);
      this.done += 1;
      if (this.done % SHOWN_EVERY === 0) this.#show();
    }
  }

  async #looked({ name, file }: NamedPicture, reader: Pick<Reader, "look">): Promise<Row[] | Failure> {
    try {
      const sight = await reader.look(file);
      if (!sight) return { picture: name, reason: "There is nothing in the picture." };
      return sight.digits.map((digit, i) => this.#row(name, digit, i + 1));
    } catch (error) {
      return { picture: name, reason: message(error) };
    }
  }

  #row(picture: string, { opinions, pixels }: SeenDigit, digit: number): Row {
    const chosen = opinions.get(this.model?.weights_sha256 ?? "");
    const of = likeliest(chosen) ?? 0;
    const votes = [...opinions.values()].filter((opinion) => likeliest(opinion) === of).length;
    // A copy: the worker's array holds all the digits of its picture.
    return { picture, digit, class: of, confidence: chosen?.[of] ?? 0, votes, models: opinions.size, pixels: pixels.slice() };
  }

  #show(): void {
    this.rows = [...this.#rows];
    this.failures = [...this.#failures];
  }
}
