// What a lane has seen of the trial in hand: how its loss fell, its scores, and what it gets wrong.

import { withPoint, type LossPoint } from "./loss-curve";
import type { Mistake, ScoredEpoch, Training } from "./status";

/** A validation score after an epoch. */
export interface Score {
  epoch: number;
  /** A fraction. */
  score: number;
}

/** Digits that the network got wrong when it was scored last. */
export interface Wrong {
  /** How many in all. */
  count: number;
  of: number;
  height: number;
  width: number;
  shown: (Mistake & { pixels: Uint8Array<ArrayBuffer> })[];
}

export class TrialRecord {
  losses: readonly LossPoint[] = $state.raw([]);
  scores: readonly Score[] = $state.raw([]);
  wrong: Wrong | undefined = $state.raw();

  #trial = "";

  /** Takes in where the trial stands; another trial begins another record. */
  see({ study, trial, attempt, step, steps, loss }: Training): void {
    const seen = `${study} ${trial} ${attempt}`;
    if (seen !== this.#trial) {
      this.#trial = seen;
      this.losses = [];
      this.scores = [];
      this.wrong = undefined;
    }
    if (loss != null && Number.isFinite(loss)) this.losses = withPoint(this.losses, { step, loss }, steps);
  }

  /** Takes in an epoch's score. */
  score(scored: ScoredEpoch): void {
    const { epoch, correct, count } = scored;
    const earlier = this.scores.filter((known) => known.epoch < epoch);
    this.scores = [...earlier, { epoch, score: count > 0 ? correct / count : 0 }];
    this.wrong = wrong(scored);
  }
}

function wrong({ correct, count, height, width, mistakes, pixels }: ScoredEpoch): Wrong {
  const size = height * width;
  const shown = mistakes.map((mistake, i) => ({ ...mistake, pixels: pixels.subarray(i * size, (i + 1) * size) }));
  return { count: count - correct, of: count, height, width, shown };
}
