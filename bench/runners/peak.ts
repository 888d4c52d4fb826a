// The core's own limit in 128-bit vectors, from the benchmarks' module: chains of multiplications and
// additions, in as many chains as go fastest.

import type { Peak } from "./request.js";

export interface PeakModule {
  peak_chains(): Uint32Array;
  peak_run(chains: number, links: number): number;
}

const LINKS = 1_000_000;

/** The highest of all numbers of chains, each tried for its share of the time. */
export function highestPeak(module: PeakModule, seconds: number): Peak {
  const all = [...module.peak_chains()];
  const peaks = all.map((chains) => ({ chains, gflops: gflops(module, chains, seconds / all.length) }));
  return peaks.reduce((best, peak) => (peak.gflops > best.gflops ? peak : best));
}

function gflops(module: PeakModule, chains: number, seconds: number): number {
  const start = performance.now();
  let operations = 0;
  let millis = 0;
  while (millis < seconds * 1000) {
    operations += module.peak_run(chains, LINKS);
    millis = performance.now() - start;
  }
  return operations / millis / 1e6;
}
