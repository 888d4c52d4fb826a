// Tells when something in a study has changed: by the server's event stream, and where that does not
// get through, by the clock. Does not know what is fetched then.

/** How often to look where there is no event stream. */
export const POLL_MILLIS = 5_000;

/** How long to wait before a stream that was refused is tried again. */
export const RETRY_MILLIS = 30_000;

/** Shortest time between two calls. */
export const PAUSE_MILLIS = 2_000;

/**
 * Calls `onChange` after each change, at most once in `PAUSE_MILLIS` and not while the page is hidden.
 * The first call comes with the first change. Ends with the returned function.
 */
export function follow(url: string, onChange: () => void): () => void {
  const paced = pace(onChange);
  const whenShown = (): void => {
    if (!document.hidden) paced.call();
  };
  const whenChanged = (): void => {
    if (!document.hidden) paced.call();
  };
  const stream = keepOpen(url, whenChanged);
  const poll = setInterval(() => {
    if (!stream.isOpen()) whenChanged();
  }, POLL_MILLIS);
  document.addEventListener("visibilitychange", whenShown);
  return () => {
    document.removeEventListener("visibilitychange", whenShown);
    clearInterval(poll);
    stream.close();
    paced.cancel();
  };
}

/** Keeps an event stream open. Browsers reconnect by themselves after a loss, but not after a refusal. */
function keepOpen(url: string, onChange: () => void): { isOpen: () => boolean; close: () => void } {
  let source: EventSource;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    source = new EventSource(url);
    // What changed while there was no stream was not announced.
    source.addEventListener("open", onChange);
    source.addEventListener("changed", onChange);
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MILLIS);
    });
  };
  open();
  return {
    isOpen: () => source.readyState === EventSource.OPEN,
    close: () => {
      clearTimeout(retry);
      source.close();
    },
  };
}

/** Passes calls on at once, but never two within `PAUSE_MILLIS`; the last one is never lost. */
export function pace(run: () => void): { call: () => void; cancel: () => void } {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;
  const rest = (): void => {
    waiting = undefined;
    if (!isDue) return;
    isDue = false;
    call();
  };
  const call = (): void => {
    if (waiting !== undefined) {
      isDue = true;
      return;
    }
    waiting = setTimeout(rest, PAUSE_MILLIS);
    run();
  };
  return { call, cancel: () => clearTimeout(waiting) };
}

/** Runs once some time after the first of many calls: what is fetched then has all that they are about. */
export function later(waitMillis: number, run: () => void): { call: () => void; cancel: () => void } {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const call = (): void => {
    waiting ??= setTimeout(() => {
      waiting = undefined;
      run();
    }, waitMillis);
  };
  return { call, cancel: () => clearTimeout(waiting) };
}
