// The wasm module in Node, training without a server on digits in a folder.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { endingOf, type Ending, type Leg, type Platform } from "./platform";

/** Folder of the built module. */
export const wasm = resolve(import.meta.dirname, "../../web/src/wasm");

/** What the module exports of trainings. */
export interface Session {
  train(steps: number): number;
  checkpoint(): Uint8Array;
  free(): void;
}

export type SessionClass = new (
  setting: string,
  seed: string,
  training: Uint8Array,
  validation: Uint8Array,
  classes: number,
  checkpoint?: Uint8Array,
) => Session;

interface Module {
  initSync(options: { module: Uint8Array }): void;
  Session: SessionClass;
}

/** The module in this process. */
export class NodeWasm implements Platform {
  readonly #Session: SessionClass;

  private constructor(Session: SessionClass) {
    this.#Session = Session;
  }

  static async open(): Promise<NodeWasm> {
    const module = (await import(pathToFileURL(join(wasm, "worker_wasm.js")).href)) as Module;
    module.initSync({ module: readFileSync(join(wasm, "worker_wasm_bg.wasm")) });
    return new NodeWasm(module.Session);
  }

  /** A training as a leg has it before its first step. */
  begin({ setting, seed, training, validation, classes, checkpoint }: Leg): Session {
    const [images, validationImages] = [readFileSync(training), readFileSync(validation)];
    const state = checkpoint === undefined ? undefined : readFileSync(checkpoint);
    return new this.#Session(JSON.stringify(setting), seed, images, validationImages, classes, state);
  }

  async run(leg: Leg): Promise<Ending> {
    const session = this.begin(leg);
    try {
      const step = session.train(leg.until - session.train(0));
      writeFileSync(leg.result, session.checkpoint());
      return { step };
    } catch (error) {
      return endingOf(error);
    } finally {
      session.free();
    }
  }

  async close(): Promise<void> {}
}

export interface Blobs {
  training: Uint8Array;
  validation: Uint8Array;
}

/** The training images of a folder of IDX files as workers get them: the last sixth validates. */
export function blobs(folder: string): Blobs {
  const images = readFileSync(join(folder, "train-images-idx3-ubyte"));
  const labels = readFileSync(join(folder, "train-labels-idx1-ubyte")).subarray(8);
  const [count, height, width] = [4, 8, 12].map((at) => images.readUInt32BE(at)) as [number, number, number];
  const pixels = images.subarray(16);
  const first = count - Math.floor(count / 6);
  const part = (from: number, to: number) =>
    safetensors(pixels.subarray(from * height * width, to * height * width), labels.subarray(from, to), [height, width]);
  return { training: part(0, first), validation: part(first, count) };
}

function safetensors(pixels: Uint8Array, labels: Uint8Array, [height, width]: [number, number]): Uint8Array {
  const count = labels.length;
  const header = JSON.stringify({
    images: { dtype: "U8", shape: [count, height, width], data_offsets: [0, pixels.length] },
    labels: { dtype: "U8", shape: [count], data_offsets: [pixels.length, pixels.length + count] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), pixels, labels]);
}
