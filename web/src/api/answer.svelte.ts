// An answer of the server that is asked for again and again: the last good one stays while a newer one
// is on its way, and one that comes late never replaces one that was asked for after it.

import { message } from "./problem";

export class Answer<T> {
  value: T | undefined = $state.raw();
  /** Why the last request failed. */
  trouble: string | null = $state(null);

  #isAsking = false;
  #next: (() => Promise<T>) | undefined;

  /** Asks now, or after the present request; of several that wait, only the last is made. */
  ask(request: () => Promise<T>): void {
    this.#next = request;
    if (!this.#isAsking) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isAsking = true;
    for (let request = this.#next; request; request = this.#next) {
      this.#next = undefined;
      try {
        this.value = await request();
        this.trouble = null;
      } catch (error) {
        this.trouble = message(error);
      }
    }
    this.#isAsking = false;
  }
}
