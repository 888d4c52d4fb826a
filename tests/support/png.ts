// Grey images as PNG files (W3C, "Portable Network Graphics", third edition).

import { readFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A picture of `[height, width]` brightnesses. */
export function greyPng(pixels: Uint8Array, width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits of grey; the rest is as always.
  header[8] = 8;
  const rows = Array.from({ length: height }, (_, row) => Buffer.concat([Buffer.of(0), pixels.subarray(row * width, (row + 1) * width)]));
  return Buffer.concat([SIGNATURE, part("IHDR", header), part("IDAT", deflateSync(Buffer.concat(rows))), part("IEND", Buffer.alloc(0))]);
}

function part(kind: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}

/** The images of an IDX file, each as a PNG file. */
export function pngsOfIdx(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const [count, height, width] = [4, 8, 12].map((at) => bytes.readUInt32BE(at)) as [number, number, number];
  return Array.from({ length: count }, (_, i) => greyPng(bytes.subarray(16 + i * height * width, 16 + (i + 1) * height * width), width, height));
}

/** The values of an IDX file of labels. */
export function labelsOfIdx(path: string): number[] {
  return [...readFileSync(path).subarray(8)];
}
