// How many fewer errors one score means than another.

import { NONE } from "../format/number";

/** Errors saved, as a share of those of the reference, such as `34 %`; negative where there are more. */
export function errorReduction(score: number | null | undefined, reference: number | null | undefined): string {
  if (score == null || reference == null || reference >= 1) return NONE;
  const share = Math.round((1 - (1 - score) / (1 - reference)) * 100);
  return `${share < 0 ? "−" : ""}${Math.abs(share)} %`;
}
