// The images that everybody is measured with, as safetensors. Does not know where they come from.

export type BlobName = "training" | "validation" | "test";

/** Reads a blob. Nobody keeps one: what a training holds is what the product would hold. */
export type ReadBlob = (name: BlobName) => Promise<Uint8Array>;

export const CLASSES = 10;

export interface Images {
  /** [count, height, width] */
  pixels: Uint8Array;
  labels: Uint8Array;
  height: number;
  width: number;
}

interface Header {
  images: { shape: [number, number, number]; data_offsets: [number, number] };
  labels: { data_offsets: [number, number] };
}

/** The images in a blob. */
export function images(blob: Uint8Array): Images {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const first = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(blob.subarray(8, first))) as Header;
  const part = ([from, to]: [number, number]) => blob.subarray(first + from, first + to);
  const [, height, width] = header.images.shape;
  return { pixels: part(header.images.data_offsets), labels: part(header.labels.data_offsets), height, width };
}
