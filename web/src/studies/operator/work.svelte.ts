// Something that an operator asked for: whether it is under way, and why it failed.

import { message, RequestError } from "../../api/problem";
import { operatorToken } from "./token.svelte";

export class Work {
  isBusy = $state(false);
  trouble: string | null = $state(null);
  /** Line and column of the offending text, where the server named them. */
  place: { line: number; column: number } | null = $state.raw(null);

  /** Does it with the operator's token; true if it was done. A token that is refused is forgotten. */
  async run(request: (token: string) => Promise<unknown>): Promise<boolean> {
    const token = operatorToken.value;
    if (token === null || this.isBusy) return false;
    this.isBusy = true;
    this.trouble = null;
    this.place = null;
    try {
      await request(token);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    } finally {
      this.isBusy = false;
    }
  }

  #fail(error: unknown): void {
    this.trouble = message(error);
    if (!(error instanceof RequestError)) return;
    if (error.status === 401) operatorToken.value = null;
    if (error.line !== undefined) this.place = { line: error.line, column: error.column ?? 1 };
  }
}
