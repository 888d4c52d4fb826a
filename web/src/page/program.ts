// The wasm module that trains and classifies: fetched early, compiled once per tab.

import programUrl from "../wasm/worker_wasm_bg.wasm?url";

/** Lets the browser fetch the program while nobody waits. It is neither compiled nor started. */
export function prefetchProgram(): void {
  const link = document.createElement("link");
  link.rel = "prefetch";
  link.as = "fetch";
  link.crossOrigin = "anonymous";
  link.href = programUrl;
  document.head.append(link);
}

/** Fetches and compiles it. */
export async function compiledProgram(): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === "undefined") throw new Error("This browser does not have WebAssembly, which this page needs.");
  const response = await fetch(programUrl).catch(() => {
    throw new Error("The server does not answer.");
  });
  if (!response.ok) throw new Error(`The program can't be fetched (status ${response.status}).`);
  try {
    // Browsers keep optimised code for the next visit only where they compile what they stream.
    return await WebAssembly.compileStreaming(response);
  } catch {
    throw new Error("This browser is too old for this page: it needs WebAssembly with 128-bit SIMD.");
  }
}
