// The wasm module that trains and classifies: fetched early, compiled while it arrives, once per tab.

import programUrl from "../wasm/worker_wasm_bg.wasm?url";

const TOO_OLD = "This browser is too old for this page: it needs WebAssembly with 128-bit SIMD.";

let program: Promise<WebAssembly.Module> | undefined;

/** Begins to fetch and compile it while nobody waits. It is not started. Failures are for who needs it. */
export function prepareProgram(): void {
  compiledProgram().catch(() => undefined);
}

/** Fetches and compiles it, at the first call and after a failure. */
export function compiledProgram(): Promise<WebAssembly.Module> {
  program ??= compiled().catch((error: unknown) => {
    program = undefined;
    throw error;
  });
  return program;
}

async function compiled(): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === "undefined") throw new Error("This browser does not have WebAssembly, which this page needs.");
  const response = await fetch(programUrl).catch(() => {
    throw new Error("The server does not answer.");
  });
  if (!response.ok) throw new Error(`The program can't be fetched (status ${response.status}).`);
  // Browsers compile while it arrives, and keep optimised code for the next visit, only what is named
  // as WebAssembly; something between server and browser may name it otherwise.
  if (response.headers.get("content-type") === "application/wasm") {
    return WebAssembly.compileStreaming(response).catch(refuse);
  }
  return WebAssembly.compile(await response.arrayBuffer()).catch(refuse);
}

function refuse(error: unknown): never {
  throw error instanceof WebAssembly.CompileError ? new Error(TOO_OLD) : new Error("The program did not arrive whole.");
}
