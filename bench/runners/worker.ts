// What all Web Workers of the benchmarks have in common: a request comes in, its answer goes out.

import type { BlobName } from "./blobs.js";
import type { Request } from "./request.js";

/** A request on its way to a worker. */
export interface Call {
  id: number;
  request: Request;
}

/** Its answer on the way back. */
export type Reply = { id: number; answer: unknown } | { id: number; error: string };

/** Answers whatever the page asks. */
export function serve(answer: (request: Request) => Promise<unknown>): void {
  addEventListener("message", ({ data: { id, request } }: MessageEvent<Call>) => {
    const reply = (reply: Reply): void => postMessage(reply);
    answer(request).then(
      (answer) => reply({ id, answer }),
      (error: unknown) => reply({ id, error: String(error) }),
    );
  });
}

/** Fetches a blob from the runner's server. */
export async function fetched(name: BlobName): Promise<Uint8Array> {
  const response = await fetch(`/data/${name}.safetensors`);
  return new Uint8Array(await response.arrayBuffer());
}

interface BoundModule {
  default(input: { module_or_path: unknown }): Promise<{ memory: WebAssembly.Memory }>;
}

/** A module that wasm-bindgen wrote, fetched and started. */
export async function started<M extends BoundModule>(
  folder: string,
  name: string,
): Promise<{ module: M; memory: WebAssembly.Memory }> {
  const module = (await import(`/${folder}/${name}.js`)) as M;
  const { memory } = await module.default({ module_or_path: fetch(`/${folder}/${name}_bg.wasm`) });
  return { module, memory };
}
