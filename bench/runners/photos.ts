// The photos that everybody labels: as files, and as the network's input.

import { tensors, type Tensor } from "./safetensors.js";

/** Rows and columns of the network's input. */
export const SIDE = 192;

export interface Photos {
  /** [SIDE, SIDE, 3] each. */
  inputs: Uint8Array[];
  /** As files. */
  encoded: Uint8Array[];
  /** The likeliest class of each, as the product has it. */
  classes: Int32Array;
}

/** Fetches them. */
export async function photos(): Promise<Photos> {
  const all = tensors(await dataFile("photos.safetensors"));
  const named = (name: string): Tensor => {
    const tensor = all.get(name);
    if (!tensor) throw new Error(`there is no ${name}: the data were written without photos`);
    return tensor;
  };
  const classes = new Int32Array(named("classes").bytes.buffer);
  const part = (name: string): Uint8Array[] => Array.from(classes, (_, index) => named(`${name}.${index}`).bytes);
  return { inputs: part("input"), encoded: part("encoded"), classes };
}

/** Fetches a file from the runner's server. */
export async function dataFile(name: string): Promise<Uint8Array> {
  const response = await fetch(`/data/${name}`);
  if (!response.ok) throw new Error(`${name}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Each byte as the network takes it. */
export function normalised(input: Uint8Array): Float32Array {
  return Float32Array.from(input, (byte) => (byte - 127.5) / 127.5);
}

/** The place of the highest score. */
export function likeliest(scores: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < scores.length; i += 1) if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  return best;
}

/** Whoever labels other than the product measures something else. */
export function check(found: readonly number[], { classes }: Photos): void {
  if (found.some((one, index) => one !== classes[index])) throw new Error(`the labels are ${found}, expected ${classes}`);
}
