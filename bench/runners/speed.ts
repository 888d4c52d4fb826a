// Operations per second: of the core at its limit in 128-bit vectors, and of each of the trainer's
// kernels. Runs in Node and in a Web Worker alike, on the benchmarks' module.

import { CLASSES } from "./blobs.js";
import type { KernelSpeed, MeasureKernels, Peak } from "./request.js";

interface Kernels {
  names(): string[];
  call(index: number, times: number): number;
  free(): void;
}

export interface BenchModule {
  default(input: { module_or_path: unknown }): Promise<{ memory: WebAssembly.Memory }>;
  peak_chains(): Uint32Array;
  peak_run(chains: number, links: number): number;
  Kernels: new (setting: string, classes: number, height: number, width: number) => Kernels;
}

/** As long as a chain is followed between two looks at the clock. */
const LINKS = 1_000_000;
/** A kernel's speed is the median of as many tries. */
const TRIES = 5;
/** Of all images here. */
const SIDE = 28;
/** Short enough to fit into a try, long enough for a clock of tenths of milliseconds. */
const CALLS_MILLIS = 5;

/** The best number of chains, each tried for its share of the time. */
export function highestPeak(module: BenchModule, seconds: number): Peak {
  const all = [...module.peak_chains()];
  const peaks = all.map((chains) => {
    const [operations, took] = within(seconds / all.length, () => module.peak_run(chains, LINKS));
    return { chains, gflops: operations / took / 1e9 };
  });
  return peaks.reduce((best, peak) => (peak.gflops > best.gflops ? peak : best));
}

/** Every kernel of a step with a setting, each for so long. */
export function ofKernels(module: BenchModule, { setting, seconds }: MeasureKernels): KernelSpeed[] {
  const kernels = new module.Kernels(JSON.stringify(setting), CLASSES, SIDE, SIDE);
  const speeds = kernels.names().map((name, index) => speed(kernels, name, index, seconds));
  kernels.free();
  return speeds;
}

function speed(kernels: Kernels, name: string, index: number, seconds: number): KernelSpeed {
  const share = seconds / (TRIES + 1);
  const [warmingCalls, warming] = within(share, () => (kernels.call(index, 1), 1));
  const times = Math.max(1, Math.round((warmingCalls / warming / 1000) * CALLS_MILLIS));
  const tries = Array.from({ length: TRIES }, () => {
    const [operations, took] = within(share, () => kernels.call(index, times));
    return operations / took;
  });
  const rate = tries.toSorted((one, other) => one - other)[Math.floor(TRIES / 2)] ?? 0;
  const operations = kernels.call(index, 1);
  return { name, gflops: rate / 1e9, micros: (operations / rate) * 1e6 };
}

/** Does `work` again and again; what it gave in all, and the seconds it took. */
function within(seconds: number, work: () => number): [number, number] {
  const start = performance.now();
  for (let done = work(); ; done += work()) {
    const took = (performance.now() - start) / 1000;
    if (took >= seconds) return [done, took];
  }
}
