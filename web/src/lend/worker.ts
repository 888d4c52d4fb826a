// The Web Worker of one lent core: starts the wasm module and passes on what it says. Trains and
// talks to the server inside that module; knows nothing of the page.

import init, { Lender } from "../wasm/worker_wasm.js";
import { message } from "../api/problem";
import type { LenderOptions } from "./options";
import type { LenderEvent } from "./status";
import type { WorkerMessage } from "./worker-message";

let lender: Lender | undefined;
let isStopped = false;

addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
  if (data.kind === "start") void start(data.program, data.options);
  else stop();
});

async function start(program: WebAssembly.Module, options: LenderOptions): Promise<void> {
  try {
    await init({ module_or_path: program });
    if (isStopped) return;
    lender = new Lender(JSON.stringify(options), (json: string) => report(JSON.parse(json) as LenderEvent));
  } catch (error) {
    report({ event: "failed", reason: message(error) });
  }
}

function stop(): void {
  isStopped = true;
  lender?.stop();
}

function report(event: LenderEvent): void {
  postMessage(event);
}
