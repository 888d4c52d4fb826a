// The benchmarks' own module in a Web Worker: the core's limit, and the trainer's kernels.

import type { Request } from "./request.js";
import { highestPeak, ofKernels, type BenchModule } from "./speed.js";
import { serve, started } from "./worker.js";

const starting = started<BenchModule>("module", "bench");

serve(async (request: Request) => {
  const { module } = await starting;
  if (request.do === "peak") return highestPeak(module, request.seconds);
  if (request.do === "kernels") return ofKernels(module, request);
  throw new Error(`the benchmarks' module is not asked to ${request.do}`);
});
