// Pictures on their way to the server: named by their hashes, and sent many at a time.

import type { NamedPicture } from "../classify/batch.svelte";

/** The most that is looked at of a file, here and by whoever labels it. */
export const MOST_BYTES = 32 << 20;
/** Bytes that are sent at a time, about. */
export const PACK_BYTES = 8 << 20;

/** A picture as a new job lists it. */
export interface ListedPicture {
  name: string;
  sha256?: string;
  unreadable?: string;
}

/** Lists files with their hashes; those that can't be sent, with the reason. */
export async function listed({ name, file }: NamedPicture): Promise<ListedPicture> {
  if (file.size > MOST_BYTES) {
    return { name, unreadable: `the file has ${file.size} bytes, at most ${MOST_BYTES} are looked at` };
  }
  try {
    return { name, sha256: await sha256(await file.arrayBuffer()) };
  } catch {
    return { name, unreadable: "the browser can't read the file" };
  }
}

/** Pictures one after another, each after its length: four bytes, the least significant first. */
export function packed(pictures: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const pack = new Uint8Array(pictures.reduce((bytes, picture) => bytes + 4 + picture.length, 0));
  const lengths = new DataView(pack.buffer);
  let at = 0;
  for (const picture of pictures) {
    lengths.setUint32(at, picture.length, true);
    pack.set(picture, at + 4);
    at += 4 + picture.length;
  }
  return pack;
}

/** Cuts files into groups that are sent together; a large one goes alone. */
export function groups<T extends { size: number }>(files: readonly T[], most = PACK_BYTES): T[][] {
  const all: T[][] = [];
  let room = 0;
  for (const file of files) {
    const last = all.at(-1);
    if (last && file.size <= room) last.push(file);
    else {
      all.push([file]);
      room = most;
    }
    room -= file.size;
  }
  return all;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
