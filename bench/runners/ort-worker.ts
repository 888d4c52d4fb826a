// ONNX Runtime Web with its wasm backend in a Web Worker, on one thread. LeNet has drawn weights and
// normalised images in batches, MobileNet the product's weights and one photo at a time; inputs are in
// the order that it wants before anything is measured.

import type * as Ort from "onnxruntime-web";

import { images } from "./blobs.js";
import { lenet, mobilenet, type Network } from "./networks.js";
import { INPUT, onnx, OUTPUT } from "./onnx.js";
import { check, dataFile, likeliest, normalised, photos, SIDE } from "./photos.js";
import type { Measurement, Request, Setting } from "./request.js";
import { fetched, serve } from "./worker.js";

const PIXEL_MEAN = 0.1307;
const PIXEL_DEVIATION = 0.3081;

interface Prepared {
  run(input: Ort.Tensor): Promise<Float32Array>;
  inputs: Ort.Tensor[];
  /** Images in each. */
  images: number;
}

const starting = start();
const preparations = new Map<string, Promise<Prepared>>();

serve(async (request: Request) => {
  if (request.do === "label" && request.from === "input") return measured("photos", ofPhotos, request.seconds);
  if (request.do === "measure" && request.work === "forward") {
    return measured(JSON.stringify(request.setting), () => ofDigits(request.setting), request.seconds);
  }
  throw new Error("ONNX Runtime Web only classifies inputs");
});

async function start(): Promise<typeof Ort> {
  const path = "/ort/ort.wasm.min.mjs";
  const ort = (await import(path)) as typeof Ort;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/ort/";
  return ort;
}

async function measured(key: string, prepare: () => Promise<Prepared>, seconds: number): Promise<Measurement> {
  const preparation = preparations.get(key) ?? prepare();
  preparations.set(key, preparation);
  const { run, inputs, images } = await preparation;
  const measurement = { images: 0, seconds: 0 };
  while (measurement.seconds < seconds) {
    const start = performance.now();
    for (const input of inputs) await run(input);
    measurement.seconds += (performance.now() - start) / 1000;
    measurement.images += inputs.length * images;
  }
  return measurement;
}

async function session(network: Network): Promise<Prepared["run"]> {
  const ort = await starting;
  const session = await ort.InferenceSession.create(onnx(network), { executionProviders: ["wasm"] });
  return async (input) => (await session.run({ [INPUT]: input }))[OUTPUT]?.data as Float32Array;
}

async function ofPhotos(): Promise<Prepared> {
  const ort = await starting;
  const given = await photos();
  const network = mobilenet(await dataFile("mobilenet.safetensors"), SIDE);
  const run = await session(network);
  const inputs = given.inputs.map((input) => new ort.Tensor("float32", planes(normalised(input)), network.input));
  const found = [];
  for (const input of inputs) found.push(likeliest(await run(input)));
  check(found, given);
  return { run, inputs, images: 1 };
}

async function ofDigits(setting: Setting): Promise<Prepared> {
  const ort = await starting;
  const network = lenet(setting as unknown as Parameters<typeof lenet>[0]);
  const { pixels } = images(await fetched("validation"));
  const values = Float32Array.from(pixels, (pixel) => (pixel / 255 - PIXEL_MEAN) / PIXEL_DEVIATION);
  const length = network.input.reduce((product, size) => product * size, 1);
  const inputs = [];
  for (let first = 0; first + length <= values.length; first += length) {
    inputs.push(new ort.Tensor("float32", values.slice(first, first + length), network.input));
  }
  return { run: await session(network), inputs, images: setting.batch_size };
}

/** Channels one after the other. */
function planes(values: Float32Array): Float32Array {
  const positions = values.length / 3;
  return Float32Array.from(values, (_, index) => values[(index % positions) * 3 + Math.floor(index / positions)] ?? 0);
}
