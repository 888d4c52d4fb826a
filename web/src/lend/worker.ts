// The Web Worker of one lent core: starts the wasm module and passes on what it says. Trains and
// talks to the server inside that module; knows nothing of the page.

import init, { Lender } from "../wasm/worker_wasm.js";
import { message } from "../api/problem";
import type { Pace } from "./pace";
import { watchSleep } from "./sleep";
import type { LenderEvent } from "./status";
import type { WorkerMessage } from "./worker-message";

type Start = Extract<WorkerMessage, { kind: "start" }>;

let lender: Lender | undefined;
let pace: Pace;
let isStopped = false;

addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
  switch (data.kind) {
    case "start":
      void start(data);
      break;
    case "pace":
      setPace(data.pace);
      break;
    case "stop":
      stop();
      break;
  }
});

async function start({ program, options, pace: first }: Start): Promise<void> {
  pace = first;
  try {
    await init({ module_or_path: program });
    if (isStopped) return;
    lender = new Lender(JSON.stringify(options), (json: string, pixels?: Uint8Array<ArrayBuffer>) => {
      report({ ...(JSON.parse(json) as LenderEvent), ...(pixels && { pixels }) } as LenderEvent);
    });
    setPace(pace);
    watchSleep((millis) => report({ event: "woke", millis }));
  } catch (error) {
    report({ event: "failed", reason: message(error) });
  }
}

/** Kept for the module while that is being started. */
function setPace(wanted: Pace): void {
  pace = wanted;
  lender?.change_pace(JSON.stringify(wanted));
}

function stop(): void {
  isStopped = true;
  lender?.stop();
}

function report(event: LenderEvent): void {
  postMessage(event);
}
