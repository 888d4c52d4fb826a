// The benchmarks' own module in a Web Worker: the core's limit.

import { highestPeak, type PeakModule } from "./peak.js";
import type { ProductModule } from "./product.js";
import type { Request } from "./request.js";
import { serve, started } from "./worker.js";

type BenchModule = PeakModule & Pick<ProductModule, "default">;

const starting = started<BenchModule>("module", "bench");

serve(async (request: Request) => {
  const { module } = await starting;
  if (request.do === "peak") return highestPeak(module, request.seconds);
  throw new Error(`the benchmarks' module does not ${request.do}`);
});
