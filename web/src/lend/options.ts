// What a worker must know to begin.

/** Read by the wasm module. */
export interface LenderOptions {
  /** Address of the work socket. */
  socket_url: string;
  /** Where the server's paths begin, without a slash at the end. */
  base_url: string;
  volunteer_token: string;
  /** Names the worker: 16 hexadecimal digits. */
  worker: string;
}

/** Options for one more worker of a page at `page`. */
export function lenderOptions(page: Pick<Location, "protocol" | "host" | "origin">, token: string): LenderOptions {
  const scheme = page.protocol === "https:" ? "wss:" : "ws:";
  return {
    socket_url: `${scheme}//${page.host}/api/work`,
    base_url: page.origin,
    volunteer_token: token,
    worker: workerName(crypto.getRandomValues(new Uint8Array(8))),
  };
}

// Not crypto.randomUUID: browsers have it on https and localhost only.
function workerName(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
