// Which models classify, what they are called, and what several of them say together.

import type { ModelView } from "../api/types";
import { percent } from "../format/number";

/** How many models can be chosen from: as many as a leaderboard shows. */
export const MODELS = 100;

/** How many of the best are asked side by side. */
export const PANEL = 5;

/** A model that reads handwritten digits: a verified trial's. */
export interface DigitModel extends ModelView {
  kind: "digits";
}

/** Any model that this page can ask. What it reads, and how a picture is shown to it, hangs on its kind. */
export type Model = DigitModel;

/** The model of a verified trial. */
export function digitModel(view: ModelView): DigitModel {
  return { kind: "digits", ...view };
}

/** The model with these weights; the best where none is wanted; none where that is missing. */
export function chosenModel(models: readonly Model[], wanted: string | null): Model | undefined {
  return wanted === null ? models[0] : models.find(({ weights_sha256 }) => weights_sha256 === wanted);
}

/** The chosen model, then the best others of its kind. */
export function panel(models: readonly Model[], chosen: Model): Model[] {
  const others = models.filter(({ kind, weights_sha256 }) => kind === chosen.kind && weights_sha256 !== chosen.weights_sha256);
  return [chosen, ...others.slice(0, PANEL - 1)];
}

/** A model in a list of models. */
export function modelName({ study_name, trial, validation_score }: Model): string {
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

/** What several models say together. */
export interface Vote {
  class: number;
  /** How many say so. */
  votes: number;
  /** How likely they find it on average. */
  share: number;
}

/** The class that most find the likeliest; among equals, the one that is likelier on average. */
export function vote(opinions: readonly ArrayLike<number>[]): Vote | undefined {
  const winners = opinions.map((probabilities) => likeliest(probabilities));
  let best: Vote | undefined;
  for (const winner of new Set(winners)) {
    if (winner === undefined) continue;
    const votes = winners.filter((other) => other === winner).length;
    const share = opinions.reduce((sum, probabilities) => sum + (probabilities[winner] ?? 0), 0) / opinions.length;
    if (!best || votes > best.votes || (votes === best.votes && share > best.share)) best = { class: winner, votes, share };
  }
  return best;
}
