// The page that holds the Web Workers: one for each subject, started when it is first asked.

import type { Request } from "./request.js";
import type { Call, Reply } from "./worker.js";

/** Who is measured in a worker. */
export type Subject = "product" | "bench" | "candle" | "tfjs" | "ort";

const workers = new Map<Subject, Worker>();
let calls = 0;

/** Passes a request on to a subject's worker. */
function ask(subject: Subject, request: Request): Promise<unknown> {
  const worker = workers.get(subject) ?? start(subject);
  const id = ++calls;
  return new Promise((resolve, reject) => {
    const receive = ({ data }: MessageEvent<Reply>): void => {
      if (data.id !== id) return;
      worker.removeEventListener("message", receive);
      if ("error" in data) reject(new Error(data.error));
      else resolve(data.answer);
    };
    worker.addEventListener("message", receive);
    worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
    worker.postMessage({ id, request } satisfies Call);
  });
}

function start(subject: Subject): Worker {
  const worker = new Worker(`/runners/${subject}-worker.js`, { type: "module" });
  workers.set(subject, worker);
  return worker;
}

declare global {
  interface Window {
    ask: typeof ask;
  }
}

window.ask = ask;
