// What this browser keeps of models, so that the page works without the server: weights, which never
// change, and the last list of models with its age. Where a browser keeps nothing, or the page came
// over a connection that is not secure, everything is fetched each time.

import type { Model } from "./model";

const SHELF = "tabsweep-models";

/** Most weights that are kept; the longest unused ones go first. */
const MOST = 24;

const LIST = "/classify/models.json";

/** A list of models as the server gave it. */
export interface KeptList {
  models: Model[];
  /** When the server gave it. */
  atMillis: number;
}

const address = (sha256: string): string => `/api/blobs/${sha256}`;

async function shelf(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(SHELF);
  } catch {
    return undefined;
  }
}

/** Weights from the shelf, else from where they are fetched, which puts them there. */
export async function weightsOf(sha256: string, fetched: (sha256: string) => Promise<Uint8Array>): Promise<Uint8Array> {
  const kept = await shelf();
  const found = await kept?.match(address(sha256));
  const bytes = found ? new Uint8Array(await found.arrayBuffer()) : await fetched(sha256);
  // Also when it was there: what was used last goes last.
  if (kept) await put(kept, sha256, bytes);
  return bytes;
}

async function put(kept: Cache, sha256: string, bytes: Uint8Array): Promise<void> {
  try {
    await kept.delete(address(sha256));
    await kept.put(address(sha256), new Response(new Uint8Array(bytes)));
    const weights = (await kept.keys()).filter(({ url }) => !url.endsWith(LIST));
    for (const request of weights.slice(0, Math.max(0, weights.length - MOST))) await kept.delete(request);
  } catch {
    // No room: it is fetched again next time.
  }
}

/** Keeps a list of models. */
export async function keepList(models: readonly Model[], atMillis: number): Promise<void> {
  const kept = await shelf();
  // No room: without the server, there is then nothing to choose from.
  await kept?.put(LIST, Response.json({ models, atMillis })).catch(() => undefined);
}

/** The last list, as far as its weights are kept as well. */
export async function keptList(): Promise<KeptList | undefined> {
  const kept = await shelf();
  const found = await kept?.match(LIST);
  if (!kept || !found) return undefined;
  const { models, atMillis } = (await found.json()) as KeptList;
  const keys = await kept.keys();
  const there = new Set(keys.map(({ url }) => new URL(url).pathname));
  return { models: models.filter(({ weights_sha256 }) => there.has(address(weights_sha256))), atMillis };
}
