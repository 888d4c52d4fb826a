// What has become of the results of several workers together.

import type { Counts } from "./status";

export const NOTHING: Counts = { claimed: 0, verified: 0, rejected: 0 };

/** Adds up. */
export function total(counts: readonly Counts[]): Counts {
  return counts.reduce(
    (sum, one) => ({
      claimed: sum.claimed + one.claimed,
      verified: sum.verified + one.verified,
      rejected: sum.rejected + one.rejected,
    }),
    NOTHING,
  );
}
