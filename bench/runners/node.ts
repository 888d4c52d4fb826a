// The product's module in Node.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { answerAll, option } from "./conversation.js";
import { Product, type ProductModule } from "./product.js";
import type { Request } from "./request.js";
import { highestPeak, ofKernels, type BenchModule } from "./speed.js";

const MIB = 1024 * 1024;

/** A module that wasm-bindgen wrote into `folder`, started. */
async function started<M extends { default: ProductModule["default"] }>(
  folder: string,
  name: string,
): Promise<{ module: M; memory: WebAssembly.Memory }> {
  const module = (await import(pathToFileURL(join(folder, `${name}.js`)).href)) as M;
  const program = await readFile(join(folder, `${name}_bg.wasm`));
  const { memory } = await module.default({ module_or_path: program });
  return { module, memory };
}

const { module, memory } = await started<ProductModule>(option("product"), "worker_wasm");
const product = new Product(module, (name) => readFile(join(option("data"), `${name}.safetensors`)));

/** The benchmarks' own module. */
function bench(): Promise<{ module: BenchModule }> {
  return started<BenchModule>(option("module"), "bench");
}

async function answer(request: Request): Promise<unknown> {
  switch (request.do) {
    case "measure":
      return product.measure(request);
    case "train":
      return product.run(request);
    case "memory":
      return { wasm_mib: memory.buffer.byteLength / MIB, rss_mib: process.memoryUsage.rss() / MIB };
    case "peak":
      return highestPeak((await bench()).module, request.seconds);
    case "kernels":
      return ofKernels((await bench()).module, request);
  }
}

await answerAll({ "Node.js": process.versions.node, "V8 of Node.js": process.versions.v8 }, answer);
