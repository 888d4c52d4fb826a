// What this browser remembers. Where it is told to remember nothing, everything still works, once.

type Store = "local" | "session";

function store(which: Store): Storage | undefined {
  try {
    return which === "local" ? globalThis.localStorage : globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

/** What was kept under a name, if it still has the expected form. */
export function recall<T>(which: Store, name: string, isValid: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = JSON.parse(store(which)?.getItem(name) ?? "null");
    return isValid(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function keep(which: Store, name: string, value: unknown): void {
  try {
    store(which)?.setItem(name, JSON.stringify(value));
  } catch {
    // Full or forbidden: the choice then lasts as long as the page.
  }
}

export function forget(which: Store, name: string): void {
  try {
    store(which)?.removeItem(name);
  } catch {
    // Nothing was kept either.
  }
}
