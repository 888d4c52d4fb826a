// The operator's token: kept while the tab is open, forgotten with it.

const KEY = "tabsweep.operator-token";

class OperatorToken {
  #value: string | null = $state(null);

  constructor() {
    this.#value = globalThis.sessionStorage?.getItem(KEY) ?? null;
  }

  /** None while nobody has shown one. */
  get value(): string | null {
    return this.#value;
  }

  set value(token: string | null) {
    this.#value = token;
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  }
}

export const operatorToken = new OperatorToken();
