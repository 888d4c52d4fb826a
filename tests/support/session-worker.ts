// The Web Worker in which a browser trains a leg, with the wasm module that volunteers' tabs run. It
// gets its files from the exchange and leaves the checkpoint there. Runs in browsers only.

import { endingOf, type Ending, type Leg } from "./platform";
import type { SessionClass } from "./session";

interface Module {
  default(options: { module_or_path: string }): Promise<unknown>;
  Session: SessionClass;
}

const MODULE: string = "/wasm/worker_wasm.js";

addEventListener("message", ({ data }: MessageEvent<Leg>) => {
  run(data).then(
    (ending) => postMessage({ ending }),
    (error: unknown) => postMessage({ failure: String(error) }),
  );
});

async function run({ setting, seed, training, validation, classes, checkpoint, until, result }: Leg): Promise<Ending> {
  const { default: init, Session } = (await import(MODULE)) as Module;
  await init({ module_or_path: "/wasm/worker_wasm_bg.wasm" });
  const state = checkpoint === undefined ? undefined : await fetched(checkpoint);
  const session = new Session(
    JSON.stringify(setting),
    seed,
    await fetched(training),
    await fetched(validation),
    classes,
    state,
  );
  try {
    const step = session.train(until - session.train(0));
    await fetch(result, { method: "PUT", body: session.checkpoint() as Uint8Array<ArrayBuffer> });
    return { step };
  } catch (error) {
    return endingOf(error);
  }
}

async function fetched(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
