// The models to choose from: the server's best, the one that the address names, and without the server
// those that this browser has kept.

import * as api from "../api/client";
import { RequestError } from "../api/problem";
import { digitModel, MODELS, type Model } from "./model";
import { keepList, keptList, type KeptList } from "./shelf";

export interface ModelList {
  /** Best first; last the one that was wanted, where it is not among the best. */
  models: Model[];
  /** When the server gave the list, if it does not answer now. */
  keptMillis?: number;
}

/** Fetches the list. `wanted` are weights that must be in it if there are any such. */
export async function modelList(wanted: string | null, nowMillis: number): Promise<ModelList> {
  let models: Model[];
  try {
    models = await fetched(wanted);
  } catch (error) {
    const kept = isAway(error) ? await keptList() : undefined;
    if (!kept) throw error;
    return fromShelf(kept);
  }
  await keepList(models, nowMillis);
  return { models };
}

async function fetched(wanted: string | null): Promise<Model[]> {
  const best = await api.models(MODELS);
  const isThere = wanted === null || best.some(({ weights_sha256 }) => weights_sha256 === wanted);
  const views = isThere ? best : [...best, ...(await others(wanted))];
  return views.map(digitModel);
}

async function others(wanted: string): ReturnType<typeof api.models> {
  try {
    return [await api.model(wanted)];
  } catch (error) {
    if (isAway(error)) throw error;
    return [];
  }
}

function fromShelf({ models, atMillis }: KeptList): ModelList {
  return { models, keptMillis: atMillis };
}

/** Whether the server, or what stands before it, can't be reached. */
function isAway(error: unknown): boolean {
  return error instanceof RequestError && (error.status === 0 || error.status >= 500);
}
