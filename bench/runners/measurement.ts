// Time and what was done in it.

import type { Measurement } from "./request.js";

/** What `work` gave, and how many seconds it took. */
export function timed<T>(work: () => T): [T, number] {
  const start = performance.now();
  const result = work();
  return [result, (performance.now() - start) / 1000];
}

/** Does `work`, which gives the number of its images, again and again for so long. */
export function within(seconds: number, work: () => number): Measurement {
  const measured = { images: 0, seconds: 0 };
  while (measured.seconds < seconds) {
    const [images, took] = timed(work);
    measured.images += images;
    measured.seconds += took;
  }
  return measured;
}
