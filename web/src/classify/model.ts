// Which model classifies, and what it is called.

import type { ModelView } from "../api/types";
import { percent } from "../format/number";

/** How many models can be chosen from: as many as a leaderboard shows. */
export const MODELS = 100;

/** The model with these weights; the best where none is wanted; none where that is missing. */
export function chosenModel(models: readonly ModelView[], wanted: string | null): ModelView | undefined {
  return wanted === null ? models[0] : models.find(({ weights_sha256 }) => weights_sha256 === wanted);
}

/** A model in a list of models. */
export function modelName({ study_name, trial, validation_score }: ModelView): string {
  return `${percent(validation_score)}, trial ${trial} of ${study_name}`;
}

/** The likeliest class; none before there is anything to look at. */
export function likeliest(probabilities: ArrayLike<number> | undefined): number | undefined {
  if (!probabilities || probabilities.length === 0) return undefined;
  let best = 0;
  for (let i = 1; i < probabilities.length; i += 1) {
    if ((probabilities[i] ?? 0) > (probabilities[best] ?? 0)) best = i;
  }
  return best;
}
